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
