// The contract with QEMUs that a libvirt owns: an embedded one, in this process, which needs no daemon.
#include <unistd.h>

#include <fstream>

#include "plugins/hypervisor-qemu/launcher_libvirt.hpp"
#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

// A process has one embedded libvirt, which learns QEMU's abilities for some seconds when it first starts.
const Settings& embedded() {
  static const TempDir root;
  static const Settings settings = [] {
    std::filesystem::create_directories(root.path() / "etc");
    ::setenv("LIBVIRT_LOG_OUTPUTS", "1:file:/dev/null", 1);  // it warns of arguments that are passed through
    std::ofstream config(root.path() / "etc" / "qemu.conf");
    config << "stdio_handler = \"file\"\nsecurity_driver = \"none\"\n";
    if (::geteuid() == 0) config << "user = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\n"
                                    "namespaces = []\ncgroup_controllers = []\n";
    Settings made;
    made.libvirt_uri = "qemu:///embed?root=" + root.path().string();
    return made;
  }();
  return settings;
}

HypervisorUnderTest make() {
  return contract_over(std::make_shared<RealQemu>(embedded(), make_libvirt_launcher(embedded())));
}

TEST_CASE("libvirt's QEMU holds one machine") { hypervisor_holds_one_machine(make); }
TEST_CASE("libvirt's QEMU locks disks") { hypervisor_locks_disks(make); }
TEST_CASE("libvirt's QEMU ends machines") { hypervisor_ends_machines(make); }
TEST_CASE("libvirt's QEMU pauses") { hypervisor_pauses(make); }
TEST_CASE("libvirt's QEMU forwards") { hypervisor_forwards(make); }
TEST_CASE("libvirt's QEMU cancels migrations") { hypervisor_cancels_migrations(make); }
TEST_CASE("libvirt's QEMU undoes migrations") { hypervisor_undoes_migrations(make); }
TEST_CASE("libvirt's QEMU fills slots") { hypervisor_fills_slots(make); }
TEST_CASE("libvirt's QEMU moves memory") { hypervisor_moves_memory(make); }
TEST_CASE("libvirt's QEMU hears the guest") { hypervisor_hears_the_guest(make); }
TEST_CASE("libvirt's QEMU migrates") { hypervisor_migrates(make); }
TEST_CASE("libvirt's QEMU carries disks") { hypervisor_carries_disks(make); }
TEST_CASE("libvirt's QEMU keeps disks") { hypervisor_keeps_disks(make); }

TEST_CASE("whoever owns a QEMU, there is no second one: both owners") {
  RealQemu by_libvirt(embedded(), make_libvirt_launcher(embedded()));
  QemuHypervisor other({}, make_process_launcher());
  const MachineSpec spec = by_libvirt.machine("a", "a");
  must_start(by_libvirt.door(), spec).reset();
  CHECK(other.start(spec, in_time()).error().code == Code::already_exists);
  auto owner = by_libvirt.door().attach(spec, in_time());
  REQUIRE(owner.ok());
  CHECK((*owner)->kill(in_time()).ok());
  owner->reset();
  must_start(other, spec).reset();
  CHECK(by_libvirt.door().start(spec, in_time()).error().code == Code::already_exists);
}

TEST_CASE("a libvirt that is not there is named") {
  Settings settings;
  settings.libvirt_uri = "qemu+unix:///system?socket=/nowhere/libvirt.sock";
  RealQemu qemu(settings, make_libvirt_launcher(settings));
  const auto machine = qemu.door().start(qemu.machine("a", "a"), in_time());
  REQUIRE_FALSE(machine.ok());
  CHECK(machine.error().code == Code::unavailable);
  CHECK(machine.error().message.find("/nowhere/libvirt.sock") != std::string::npos);
}

}  // namespace
}  // namespace neonvm::qemu
