#include "core/decide/machine_plan.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

std::string cmdline_of(const VmSpec& spec) {
  Object vm;
  vm.name = "web";
  decide::MachineDefaults defaults;
  defaults.kernel = "/kernel";
  const auto machine = decide::plan_machine(spec, vm, "/run/web", defaults);
  REQUIRE(machine);
  return machine->cmdline;
}

}  // namespace

TEST_CASE("an image's own command gets the VM's environment and restart policy") {
  VmSpec spec;
  spec.root_image = "/disk";
  CHECK(cmdline_of(spec).find("neonvm.exit") == std::string::npos);
  spec.env = {{"WORD", "two words"}};
  spec.restart_policy = RestartPolicy::never;
  const std::string cmdline = cmdline_of(spec);
  CHECK(cmdline.find("neonvm.env=\"WORD=two words\"") != std::string::npos);
  CHECK(cmdline.find("neonvm.exit=poweroff") != std::string::npos);
  CHECK(cmdline.find("neonvm.run") == std::string::npos);
  spec.command = {"serve"};
  CHECK(cmdline_of(spec).find("neonvm.run=\"serve\"") != std::string::npos);
}

TEST_CASE("a VM with an address in the overlay network has a second card, and its kernel hears of it") {
  VmSpec spec;
  Object vm;
  vm.name = "prod/web";
  vm.uid = "u-1";
  decide::MachineDefaults defaults;
  defaults.kernel = "/kernel";
  defaults.overlay_port = "/neonvm/overlay/port";
  CHECK(decide::plan_machine(spec, vm, "/run/web", defaults)->networks.size() == 1);
  const auto machine = decide::plan_machine(spec, vm, "/run/web", defaults, {"10.100.128.7", "255.255.0.0"});
  REQUIRE(machine);
  REQUIRE(machine->networks.size() == 2);
  const MachineNetwork& card = machine->networks[1];
  CHECK(card.kind == NetworkKind::tap);
  CHECK(card.port == "/neonvm/overlay/port");
  CHECK(card.address == "10.100.128.7");
  CHECK(card.mac != machine->networks[0].mac);
  CHECK(card.mac == decide::plan_machine(spec, vm, "/run/web", defaults, {"10.100.128.9", "255.255.0.0"})->networks[1].mac);
  CHECK(machine->cmdline.find(" ip=10.100.128.7:::255.255.0.0:web:eth1:off") != std::string::npos);
  // Its own boot loader's kernel has a command line of its own.
  spec.kernel = decide::firmware_kernel;
  spec.root_image = "/disk";
  const auto own = decide::plan_machine(spec, vm, "/run/web", defaults, {"10.100.128.7", "255.255.0.0"});
  CHECK(own->networks.size() == 2);
  CHECK(own->cmdline.empty());
}
