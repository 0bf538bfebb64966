#include "plugins/hypervisor-qemu/forwards.hpp"

#include "plugins/hypervisor-qemu/qmp_commands.hpp"

namespace neonvm::qemu {

namespace {
Result<std::string> ask(Monitor& monitor, const std::string& command_line, Deadline deadline) {
  auto body = monitor.execute(human(command_line), deadline);
  if (!body) return body.error();
  return read_human(*body);
}
}  // namespace

std::string host_end(const MachineNetwork& network, const Port& port) {
  const std::string protocol = port.protocol == Protocol::udp ? "udp" : "tcp";
  return protocol + ":" + (network.forward_address.empty() ? "127.0.0.1" : network.forward_address) + ":" + std::to_string(port.host);
}

Status add_forward(Monitor& monitor, const NetworkEnd& network, const Port& port, Deadline deadline) {
  if (port.host == 0 || port.guest == 0) return Error{Code::invalid_argument, "a forward needs both ports"};
  const std::string rule = host_end(*network.network, port) + "-:" + std::to_string(port.guest);
  auto answer = ask(monitor, "hostfwd_add " + network.id + " " + rule, deadline);
  if (!answer) return answer.error();
  if (answer->empty()) return {};
  return Error{Code::refused, "host port " + std::to_string(port.host) + " cannot be forwarded (in use?): " + *answer};
}

Status remove_forward(Monitor& monitor, const NetworkEnd& network, const Port& port, Deadline deadline) {
  // "host forwarding rule for … removed" or "… not found": either way it is not there any more.
  auto answer = ask(monitor, "hostfwd_remove " + network.id + " " + host_end(*network.network, port), deadline);
  if (!answer) return answer.error();
  return {};
}

}  // namespace neonvm::qemu
