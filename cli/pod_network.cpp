// neonvm pod-network: prepares a runner's pod to be a router for its VM, and ends.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "cli/commands_host.hpp"
#include "core/daemon/pod_network.hpp"
#include "core/model/pod_layout.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::cli {

namespace {

struct PodNetworkOptions {
  std::string spec, address;
  std::int64_t owner = pod::user;
};

Result<MachineSpec> machine_in(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Error{Code::not_found, "--spec: " + path + " cannot be read"};
  std::ostringstream text;
  text << file.rdbuf();
  const auto spec = wire::decode_runner_spec(text.str());
  if (!spec) return spec.error().at(path);
  auto machine = wire::decode_machine_spec(spec->machine);
  if (!machine) return machine.error().at(path + ": machine");
  return machine;
}

Result<int> prepare(const PodNetworkOptions& options) {
  const auto address = parse_ip(options.address);
  if (!address) return address.error().at("--address");
  const auto machine = machine_in(options.spec);
  if (!machine) return machine.error();
  if (machine->networks.empty() || machine->networks.front().kind != NetworkKind::tap) {
    return Error{Code::invalid_argument, options.spec + ": machine.networks[0] is not a tap: this VM's pod does not route for it"};
  }
  const MachineNetwork& network = machine->networks.front();
  const auto laid = daemon::lay_pod_network({*address, network.forwards, !network.restrict_egress, static_cast<uid_t>(options.owner)});
  if (!laid) return laid.error();
  std::printf("%s leads out; packets of %u bytes; %zu ports of the guest are open\n", laid->uplink.c_str(), laid->mtu, network.forwards.size());
  return 0;
}

}  // namespace

Command pod_network_command() {
  return {"pod-network", "Daemons", "Prepare a runner's pod to route for its VM (started by the control plane)", [](Options& o) {
            auto options = std::make_shared<PodNetworkOptions>();
            o.text("--spec", options->spec, "FILE", "RunnerSpec as JSON", true);
            o.text("--address", options->address, "ADDRESS", "The pod's own, IPv4", true);
            o.number("--owner", options->owner, 0, 0xfffffffe, "UID", "Who may open the VM's tap");
            return [options](Context&) { return prepare(*options); };
          }};
}

}  // namespace neonvm::cli
