// OverlayPorts: gives the VMs of this node's pods their places in the overlay network.
//
// Used by `neonvm overlay --ports`, one a node. A pod whose VM wants one shares a folder with its node, FOLDER/NAMESPACE_POD, which the
// kubelet makes when the pod begins; so nobody has to be asked which pods there are, and only that pod can reach what is in it: a
// socket "port". To who calls there a tap on the bridge is handed over, open (core/network/handover), with the network's MTU. The tap
// is gone when nobody has it open any more: with the pod's QEMU. Then the folder goes, too; one that was never used, after a day.
// The folder's name says as well which card and address the VM has (wire/port_protocol): nothing else may come from its tap, from before
// it is handed over until it is gone.
// A successor of this process offers the same sockets again, and touches no tap.
// Threads: loop thread only; what blocks runs on a worker. Lifetime: the loop outlives it. Failure: opening says what cannot be
// done in the folder; later ones are logged, and told to who called.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/daemon/port_guard.hpp"
#include "core/decide/overlay.hpp"
#include "core/network/link_news.hpp"
#include "core/network/rules_news.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::daemon {

class OverlayPorts {
 public:
  // open: VMs may use any address there, as with upstream.
  OverlayPorts(runtime::Loop& loop, runtime::MetricsRegistry& metrics, std::string folder, decide::OverlaySettings network, bool open = false);
  OverlayPorts(const OverlayPorts&) = delete;
  OverlayPorts& operator=(const OverlayPorts&) = delete;

  // Makes the folder if it is not there, and nobody's else to look into. In the calling thread's network namespace from here on.
  Status start();

 private:
  struct Port {
    runtime::UniqueFd socket;
    runtime::FdWatch calls;
    std::optional<decide::GuardedPort> owner;
    bool given = false;                // its tap is there
  };

  Status guard();                      // those that there are
  void keep_guard();
  void look();                         // which folders there are
  void offer(const std::string& pod);
  void called(const std::string& pod);
  void answer(const std::string& pod, runtime::UniqueFd caller);
  void hear();                         // which taps are gone
  void remove(const std::string& pod);
  void sweep();
  [[nodiscard]] std::string path(const std::string& pod) const { return folder_ + "/" + pod; }

  runtime::Loop& loop_;
  const std::string folder_;
  const decide::OverlaySettings network_;
  const std::shared_ptr<PortGuard> guard_;               // the workers', too; null: open
  runtime::Gauge ports_;
  runtime::Counter refusals_;
  runtime::UniqueFd inotify_;
  std::optional<network::LinkNews> news_;
  std::optional<network::RulesNews> rules_news_;
  std::map<std::string, Port> by_pod_;
  std::map<std::string, std::string> pod_of_;            // device to pod
  runtime::FdWatch folders_, links_, rules_;             // gone before what they watch
  runtime::Timer sweep_, guard_retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
