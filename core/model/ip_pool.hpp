// IpPool: a range of the overlay's addresses and who has which, as upstream stores it (IPPool of vm.neon.tech/v1).
#pragma once

#include <map>
#include <string>

namespace neonvm {

struct IpAllocation {
  std::string id;                              // the VM, "NAMESPACE/NAME"
  std::string podref;                          // not used by VMs; kept as it came

  friend bool operator==(const IpAllocation&, const IpAllocation&) = default;
};

struct IpPool {
  std::string range;                           // "10.100.0.0/16"
  std::map<std::string, IpAllocation> allocations;  // by the address's distance from the network's own, in decimal

  friend bool operator==(const IpPool&, const IpPool&) = default;
};

}  // namespace neonvm
