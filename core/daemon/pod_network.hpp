// pod_network: makes a runner's pod a router for its VM: the tap that QEMU opens, its address, and the rules.
//
// Called by `neonvm pod-network`, once, before the runner of the pod starts: this part needs CAP_NET_ADMIN, the runner then needs no
// privilege. In the calling thread's network namespace; blocks for milliseconds. Idempotent: what is there is put right. Failure: the
// first thing that could not be done, with what to do about it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/model/ip_address.hpp"
#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::daemon {

struct PodNetworkSettings {
  IpAddress pod;                       // the pod's own address, by which its device is found
  std::vector<Port> ports;             // of the guest
  bool egress = false;
  uid_t owner = 0;                     // who may open the tap
  std::string resolv_conf = "/etc/resolv.conf";
};

struct PodNetworkReport {
  std::string uplink;
  std::uint32_t mtu = 0;               // of the pod's link, and so of the guest's
};

Result<PodNetworkReport> lay_pod_network(const PodNetworkSettings& settings);

}  // namespace neonvm::daemon
