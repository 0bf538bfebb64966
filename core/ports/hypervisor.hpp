// The hypervisor door: start or attach to one machine, resize it, move it, stop it.
//
// Called by daemon/runner and `neonvm doctor`; implemented by plugins/hypervisor-qemu and by the working fake in
// tests/support. One contract suite (tests/core/ports/hypervisor_contract.hpp) runs against both.
//
// Threads: calls block until their deadline and are made on one thread a Machine, except next_event(), inspect() and
// migration(), which may run on another thread at the same time as one call. Different machines in parallel.
// Lifetime: a Machine is a hold on a VM, not the VM: destroying it detaches and the VM runs on (that is what lets a
// runner die and its successor attach). Only quit() and kill() end a VM.
// Failure: after deadline_exceeded the deed may have happened: inspect() tells.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "core/model/result.hpp"

namespace neonvm {

class Machine {
 public:
  virtual ~Machine() = default;

  virtual Result<MachineState> inspect(Deadline deadline) = 0;

  // Fills or empties CPU slots until `count` are present (qmp mode). Idempotent. Answers what is present when it
  // settled or the deadline came; a slot that refuses does not keep the others from moving. Never empties a slot where
  // that is unsafe (QEMU under TCG): then refused, with the reason.
  virtual Result<CpuState> set_cpus(std::uint32_t count, Deadline deadline) = 0;

  // Sets the wish for pluggable memory, rounded up to the block size. Idempotent, returns at once after the hypervisor
  // took the wish; `memory_changed` events and memory() follow its way. asked and actual are of the pluggable part.
  virtual Status want_memory(Bytes pluggable, Deadline deadline) = 0;
  // Where the last wish stands now. settled when actual == asked, or when nothing has moved for `quiet`.
  virtual Result<MemoryState> memory(Duration quiet, Deadline deadline) = 0;

  virtual Status press_power_button(Deadline deadline) = 0;  // the guest may ignore it
  virtual Status quit(Deadline deadline) = 0;                // hypervisor ends at once, disks flushed
  virtual Status kill(Deadline deadline) = 0;                // SIGKILL and wait; never fails for a machine already gone
  virtual Status pause(Deadline deadline) = 0;
  virtual Status resume(Deadline deadline) = 0;

  // Migration. Target: a machine started with spec.incoming; listen() opens a Unix socket, or the port of
  // spec.migration_host with TLS, and returns the address: "unix:/run/…/migration.sock", "tls:HOST:PORT", ",disks" after
  // it when it takes the disks, too: at "….sock.disks", at PORT + 1. Both sides carry disks, or neither.
  // `replay` is the source's present state, so that the same slots are filled before the stream comes.
  virtual Result<std::string> listen(const MachineState& replay, Deadline deadline) = 0;
  // Source: begins to copy, returns when the hypervisor took the order. Progress by `migration` events and migration();
  // its bytes count the disks that are carried, too. Those are whole, and the source's own untouched, before the VM leaves.
  virtual Status migrate_to(const std::string& address, const MigrationSpec& limits, Deadline deadline) = 0;
  virtual Result<MigrationReport> migration(Deadline deadline) = 0;
  // Source: stops the copy; the VM runs on here. Undoes migrate_to until it has completed; then failed_precondition.
  virtual Status cancel_migration(Deadline deadline) = 0;

  virtual Status add_forward(const Port& port, Deadline deadline) = 0;     // user networking
  virtual Status remove_forward(const Port& port, Deadline deadline) = 0;  // idempotent

  // Next event in order, none when the deadline came first. Events that came while nobody asked are kept, the newest
  // of a kind winning where it says the same; `gone` is always delivered, and again at every later call.
  virtual Result<std::optional<MachineEvent>> next_event(Deadline deadline) = 0;
  // Any thread, at any time, never blocks: a next_event() that waits, or else the next one, returns at once, with no event if none
  // has come. unsupported: it cannot, and whoever must be able to go soon gives next_event() a near deadline.
  virtual Status wake() { return Error{Code::unsupported, "next_event() cannot be woken"}; }
};

class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  // Tries what this machine can do (a KVM vCPU really runs). May take seconds; remembers its answers.
  virtual std::vector<Capability> probe(Deadline deadline) = 0;

  // Refuses (already_exists) while another live process holds the machine of this run_dir or the lock of a disk.
  virtual Result<std::unique_ptr<Machine>> start(const MachineSpec& spec, Deadline deadline) = 0;
  // Takes hold of the machine that a former holder started in spec.run_dir; not_found when it is gone.
  virtual Result<std::unique_ptr<Machine>> attach(const MachineSpec& spec, Deadline deadline) = 0;

  // Makes a writable qcow2 at `path` over `backing` (or empty of `size` when backing is ""). Never overwrites.
  virtual Status create_disk(const std::string& path, const std::string& backing, Bytes size, Deadline deadline) = 0;
};

}  // namespace neonvm
