#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"

#include <csignal>

#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"

namespace neonvm::qemu {

RealQemu::RealQemu(const Settings& settings) : RealQemu(settings, make_process_launcher(settings)) {}

RealQemu::RealQemu(const Settings& settings, std::unique_ptr<Launcher> launcher)
    : door_(std::make_unique<QemuHypervisor>(settings, std::move(launcher))) {}

RealQemu::~RealQemu() {
  for (const auto& [run_dir, spec] : made_) {
    if (auto left = door_->attach(spec, contracts::in_time())) (void)(*left)->kill(contracts::in_time());
  }
}

MachineSpec RealQemu::machine(const std::string& name, const std::string& vm) {
  MachineSpec spec = support::tiny_machine(vm, folder() + "/" + name);
  spec.accelerator = Accelerator::tcg;
  made_[spec.run_dir] = spec;
  return spec;
}

support::TinyGuest& RealQemu::guest(const MachineSpec& spec) { return guests_.try_emplace(spec.run_dir, spec).first->second; }

bool RealQemu::boots(const MachineSpec& spec) {
  guests_.erase(spec.run_dir);
  return guest(spec).wait_boot(std::chrono::seconds(120));
}

namespace {
using contracts::GuestDeed;

bool do_in_guest(RealQemu& qemu, const MachineSpec& spec, GuestDeed deed) {
  // Of what ends the guest there is no answer.
  const auto last_word = [&](const char* word) {
    (void)qemu.guest(spec).ask(word, Duration::zero());
    return true;
  };
  switch (deed) {
    case GuestDeed::boot: return qemu.boots(spec);
    case GuestDeed::power_off: return last_word("poweroff");
    case GuestDeed::reboot: return last_word("reboot");
    case GuestDeed::panic: return last_word("panic");
    case GuestDeed::ignore_button: return qemu.guest(spec).ask("ignore-button") == "ok";
    case GuestDeed::hold_memory: return qemu.guest(spec).ask("hold 400", std::chrono::seconds(120)) == "ok";
    case GuestDeed::free_memory: return qemu.guest(spec).ask("free") == "ok";
    case GuestDeed::churn_disks: return qemu.guest(spec).ask("churn") == "ok";
    case GuestDeed::rest: return qemu.guest(spec).ask("rest", std::chrono::seconds(60)) == "ok";
    case GuestDeed::verify_disks: return qemu.guest(spec).ask("verify", std::chrono::seconds(60)) == "errors 0";
  }
  return false;
}
}  // namespace

contracts::HypervisorUnderTest contract_over(std::shared_ptr<RealQemu> qemu) {
  contracts::HypervisorUnderTest under_test;
  under_test.door = std::shared_ptr<Hypervisor>(qemu, &qemu->door());
  under_test.folder = qemu->folder();
  RealQemu& real = *qemu;
  under_test.machine = [&real](const std::string& name, const std::string& vm) { return real.machine(name, vm); };
  under_test.guest = [&real](const MachineSpec& spec, GuestDeed deed) { return do_in_guest(real, spec, deed); };
  under_test.guest_cpus = [&real](const MachineSpec& spec) { return real.guest(spec).number("online").value_or(0); };
  under_test.guest_memory = [&real](const MachineSpec& spec) {
    return Bytes{real.guest(spec).number("memory").value_or(0) * kib};
  };
  under_test.guest_disks = [&real](const MachineSpec& spec) { return real.guest(spec).number("sum").value_or(0); };
  under_test.kill_process = [](const MachineSpec&, const MachineState& state) {
    ::kill(static_cast<pid_t>(state.pid), SIGKILL);
  };
  under_test.empties_slots = false;
  return under_test;
}

}  // namespace neonvm::qemu
