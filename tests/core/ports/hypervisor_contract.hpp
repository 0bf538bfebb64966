// What every hypervisor door must keep (core/ports/hypervisor.hpp).
//
// Called from a TEST_CASE each of an implementation's test; `make` gives a fresh hypervisor each time. Each is one story
// and no sections, because a guest that boots is what takes the time. The stories tell the guest what to do in words of
// the deeds below; who boots no real guest does what such a guest would do.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/ports/hypervisor.hpp"

namespace neonvm::contracts {

enum class GuestDeed {
  boot,           // wait until it is up
  power_off, reboot, panic,
  ignore_button,  // of the power
  hold_memory,    // take 400 MiB that cannot leave
  free_memory,
  churn_disks,    // write to the first two without a rest
  rest,           // no more
  verify_disks,   // everything that was written is there
};

struct HypervisorUnderTest {
  std::shared_ptr<Hypervisor> door;
  std::string folder;  // of the test's own, gone when the last copy of `door` is
  // A machine that boots: CPU slots 1..4 in qmp mode, 256 MiB and 2 GiB pluggable in blocks of 2 MiB, user networking;
  // run_dir is folder/name. Machines of one VM (a migration's two sides) have the same `vm`.
  std::function<MachineSpec(const std::string& name, const std::string& vm)> machine;
  std::function<bool(const MachineSpec&, GuestDeed)> guest;  // false: it did not do it
  std::function<std::uint64_t(const MachineSpec&)> guest_cpus;  // that the guest has online, or could have
  std::function<Bytes(const MachineSpec&)> guest_memory;
  // Of what is on the first two disks and is not churned.
  std::function<std::uint64_t(const MachineSpec&)> guest_disks;
  // The hypervisor's process ends without a word.
  std::function<void(const MachineSpec&, const MachineState&)> kill_process;
  bool empties_slots = true;   // false: it is unsafe here, and refused
};
using MakeHypervisor = std::function<HypervisorUnderTest()>;

// Without a guest.
void hypervisor_makes_disks(const MakeHypervisor& make);
void hypervisor_holds_one_machine(const MakeHypervisor& make);
void hypervisor_locks_disks(const MakeHypervisor& make);
void hypervisor_ends_machines(const MakeHypervisor& make);
void hypervisor_pauses(const MakeHypervisor& make);
void hypervisor_forwards(const MakeHypervisor& make);
void hypervisor_cancels_migrations(const MakeHypervisor& make);
void hypervisor_undoes_migrations(const MakeHypervisor& make);
// With one.
void hypervisor_fills_slots(const MakeHypervisor& make);
void hypervisor_moves_memory(const MakeHypervisor& make);
void hypervisor_hears_the_guest(const MakeHypervisor& make);
void hypervisor_migrates(const MakeHypervisor& make);
void hypervisor_carries_disks(const MakeHypervisor& make);
void hypervisor_keeps_disks(const MakeHypervisor& make);

// For tests that build on the same steps.
Deadline in_time();  // generous: a guest boots on a busy machine
std::uint16_t free_port();  // TCP, of 127.0.0.1; free a moment ago
std::unique_ptr<Machine> must_start(Hypervisor& door, const MachineSpec& spec);
MachineState must_inspect(Machine& machine);
// The next event of that kind; others are dropped. Fails the test when `gone` or the deadline comes first.
MachineEvent await_event(Machine& machine, MachineEventKind kind);
// Waits until the state is as told; fails the test when it does not become so.
MachineState await_state(Machine& machine, const std::function<bool(const MachineState&)>& as_told);
MemoryState await_memory(Machine& machine, const std::function<bool(const MemoryState&)>& as_told);
// A slot is filled at once; the guest's kernel learns of it a moment later. Waits for that.
void must_see_cpus(const HypervisorUnderTest& under_test, const MachineSpec& spec, std::uint64_t count);
MigrationReport await_end_of_migration(Machine& source);
// What the target of its migration needs: another run_dir, and disks of its own when the source carries them.
MachineSpec target_of(const HypervisorUnderTest& under_test, const MachineSpec& source, const MachineState& state,
                      const std::string& name);
// Two disks of its own in run_dir, named as the machine: one over folder/base.raw, one empty.
void must_make_disks(const HypervisorUnderTest& under_test, MachineSpec& spec);
std::string must_listen(Machine& target, const MachineState& replay);
void must_migrate_to(Machine& source, const std::string& address, std::uint64_t bandwidth = 0);

}  // namespace neonvm::contracts
