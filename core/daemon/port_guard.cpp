#include "core/daemon/port_guard.hpp"

#include <utility>

#include "core/network/nftables.hpp"

namespace neonvm::daemon {

Status PortGuard::begin(decide::GuardedPorts ports) {
  const std::lock_guard lock(mutex_);
  return apply(std::move(ports));
}

Status PortGuard::add(const std::string& device, const decide::GuardedPort& port) {
  const std::lock_guard lock(mutex_);
  const auto known = ports_.find(device);
  if (known != ports_.end() && known->second == port) return {};
  decide::GuardedPorts more = ports_;
  more[device] = port;
  return apply(std::move(more));
}

Status PortGuard::remove(const std::string& device) {
  const std::lock_guard lock(mutex_);
  decide::GuardedPorts fewer = ports_;
  if (fewer.erase(device) == 0) return {};
  return apply(std::move(fewer));
}

Status PortGuard::keep() {
  const std::lock_guard lock(mutex_);
  const auto listed = network::listed_table("bridge", decide::port_table(network_));
  if (!listed && listed.error().code != Code::not_found) return listed.error();
  if (listed && *listed == listed_) return {};
  return apply(ports_);
}

Status PortGuard::apply(decide::GuardedPorts ports) {
  if (Status applied = network::apply_rules(decide::port_rules(network_, ports)); !applied) return applied;
  ports_ = std::move(ports);
  const auto listed = network::listed_table("bridge", decide::port_table(network_));
  if (!listed) return listed.error();
  listed_ = *listed;
  return {};
}

Status remove_port_guard(std::uint32_t network) { return network::apply_rules(decide::no_port_rules(network)); }

}  // namespace neonvm::daemon
