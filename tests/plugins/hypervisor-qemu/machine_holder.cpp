// A process that starts the machine of argv[1] (a MachineSpec as JSON) and holds it until it is killed. Says "held" or
// why not.
#include <unistd.h>

#include <iostream>

#include "core/wire/model_json.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"

int main(int count, char** words) {
  using namespace neonvm;
  const auto spec = wire::decode_machine_spec(count > 1 ? words[1] : "");
  if (!spec) {
    std::cout << spec.error().message << std::endl;
    return 1;
  }
  qemu::QemuHypervisor door({}, qemu::make_process_launcher());
  const auto machine = door.start(*spec, qemu::clock_now() + std::chrono::seconds(60));
  std::cout << (machine ? "held" : machine.error().message) << std::endl;
  while (machine) ::pause();
  return 1;
}
