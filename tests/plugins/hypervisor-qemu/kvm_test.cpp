// Whether KVM works is tried, with a deadline; without it VMs run under TCG, and that is said.
#include <fcntl.h>

#include <csignal>
#include <fstream>

#include "plugins/hypervisor-qemu/capabilities.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/kvm_probe.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

const Capability& named(const std::vector<Capability>& all, const std::string& name) {
  for (const Capability& one : all) {
    if (one.name == name) return one;
  }
  FAIL("no capability " << name);
  throw std::logic_error(name);
}

TEST_CASE("a device that is not there, or is no KVM, is told apart") {
  const TempDir folder;
  const std::string file = (folder.path() / "kvm").string();
  const Capability missing = probe_kvm(in_time(), file);
  CHECK_FALSE(missing.works);
  CHECK(missing.detail.find("cannot open") != std::string::npos);
  CHECK(missing.next_step.find("kvm_intel") != std::string::npos);
  std::ofstream(file) << "no device";
  const Capability odd = probe_kvm(in_time(), file);
  CHECK_FALSE(odd.works);
  CHECK(odd.detail.find("strange KVM version") != std::string::npos);
}

TEST_CASE("a device that never comes back costs no more than the deadline") {
  const TempDir folder;
  const std::string file = (folder.path() / "kvm").string();
  std::ofstream(file) << "no device";
  // While somebody has a lease of it, to open it is to wait.
  ::signal(SIGIO, SIG_IGN);
  const UniqueFd lease(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(::fcntl(lease.get(), F_SETLEASE, F_WRLCK) == 0);
  const Capability silent = probe_kvm(clock_now() + std::chrono::milliseconds(100), file);
  CHECK_FALSE(silent.works);
  CHECK(silent.detail.find("did not come back in time") != std::string::npos);
  CHECK(silent.next_step.find("TCG") != std::string::npos);
}

TEST_CASE("what works here was tried, and what does not says the next step") {
  RealQemu qemu;
  const auto all = qemu.door().probe(in_time());
  for (const Capability& one : all) {
    INFO(one.name << ": " << one.detail);
    CHECK((one.works || !one.next_step.empty()));
    CHECK_FALSE(one.detail.empty());
  }
  for (const char* name : {"qemu", "virtio-mem", "user-network", "cpu-hotplug", "live-migration"}) {
    const Capability& one = named(all, name);
    INFO(name << ": " << one.detail);
    CHECK(one.works);
  }
  CHECK(named(all, "cpu-unplug").works == named(all, "kvm").works);

  // The accelerator follows from it: chosen when it may be, refused when it must be another.
  MachineSpec spec = qemu.machine("a", "a");
  spec.accelerator = Accelerator::automatic;
  auto machine = must_start(qemu.door(), spec);
  const bool works = named(all, "kvm").works;
  CHECK(must_inspect(*machine).accelerator == (works ? "kvm" : "tcg"));
  CHECK(machine->kill(in_time()).ok());
  machine.reset();
  spec.accelerator = Accelerator::kvm;
  auto forced = qemu.door().start(spec, in_time());
  CHECK(forced.ok() == works);
  if (works) {
    CHECK((*forced)->kill(in_time()).ok());
  } else {
    CHECK(forced.error().code == Code::failed_precondition);
    CHECK(forced.error().message.find(named(all, "kvm").detail) != std::string::npos);
  }
}

}  // namespace
}  // namespace neonvm::qemu
