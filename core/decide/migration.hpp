// Migration: from the objects and both runners' words to the next step of moving one VM, forward or back.
//
// Called by daemon/controller at every event of the VM; pure and const. It decides from the world, not from memory: a
// controller that starts anew in the middle comes to the same step. The caller writes `status` first if it changed (a
// conflict throws the decision away), then does the deed, then asks again; without a deed it waits for an event or for
// `look_again`.
//
// Phases, and how each is undone:
//   Pending                        nothing was done; a booked place is released
//   Running "preparing target"     the target has nothing of the VM: end it
//   Running "copying"              cancel at the source, which runs on; when it says so, end the target
//   -- point of no return: the source has completed. Only a target that is dead and was never told to run leads back
//   Running "switching over"       the target was or may have been told to run: forward only
//   Running "cleaning up"          the target runs and the VM is its; the source's QEMU is ended
//   Running "undoing: why"         on the way back: the copy is cancelled; if it completes first, it goes on forward
//   Running "undoing: …; the target is given up"   it may be ended at any moment: if the copy has completed all the
//                                  same, the source is told to run again once the target is gone
//   Succeeded, Failed, Cancelled   what is left of the losing side is let go
//
// Laws: the target is told to run only when the source is known to have completed or to be gone, with the whole VM in
// the target; the source is told to run again only when the target is known to be gone and was never told to; a side
// that may still hold the only whole copy is never ended. So a VM runs at most once, and is lost only with its QEMU.
#pragma once

#include <optional>
#include <string>

#include "core/decide/lifecycle_facts.hpp"
#include "core/model/goal.hpp"
#include "core/model/object.hpp"

namespace neonvm::decide {

enum class MigrationDeed {
  none,
  add_finalizer,
  drop_finalizer,   // terminal and clean: the object may go
  reserve_target,   // ask for a node for runner status.target_runner; the answer comes as status.target_node or refused
  release_target,   // the reserved place was never used
  start_target,
  listen,           // target: open its ear, with the source's present shape
  copy,             // source: begin, to target's incoming_address
  cancel_copy,      // source
  activate_target,
  activate_source,  // the target is dead and never ran: the source, which stands still, goes on
  succeed_target,   // the target's runner vanished and its QEMU may hold the VM
  retire_source,    // its VM runs elsewhere: end its QEMU
  end_target,       // it has nothing that anybody needs
};
const char* to_string(MigrationDeed deed);

struct MigrationFacts {
  std::string name;
  MigrationSpec spec;
  MigrationStatus status;              // as stored
  bool finalizer = false;
  bool deleting = false;
  bool vm_exists = true;
  bool vm_deleting = false;
  bool vm_stopped = false;             // the owner wants it stopped
  Phase vm_phase = Phase::running;
  std::string vm_runner;               // as stored in the VM's status
  bool another_running = false;        // another migration of this VM has begun
  std::vector<RunnerFacts> runners;    // of the VM
  std::string fresh_name;              // for the target's runner, if one must be named
  std::optional<Refusal> refused;      // the last answer to reserve_target or start_target, if it was a refusal
  std::string reserved_node;           // the last answer to reserve_target, if it was a node
  std::uint32_t copies = 0;            // copy orders of this migration that the source took from this controller
  // The source said something after it took such an order: what it tells of a copy is of this one, and not of one before.
  bool source_heard = false;
  // Every order to activate the target was surely refused, since before "switching over" was written. False after a
  // restart of the controller: then nobody knows.
  bool never_ran = false;
  // Seen by this controller: a new one begins to count anew.
  Instant began{};                     // first seen as Running
  Instant progressed{};                // the copy last moved
  std::optional<Instant> order_due;    // the last order to a runner was refused: not again before
  Instant now{};
  WallTime wall{};
};

struct MigrationStep {
  MigrationDeed deed = MigrationDeed::none;
  std::string runner;                  // whom it is done to, or the name of the new one
  std::string predecessor;             // succeed_target
  Because because;
  bool unless_whole = false;           // end_target: not when everything has arrived there, whatever it said last
};

struct MigrationDecision {
  MigrationStep step;
  MigrationStatus status;
  bool holds_vm = false;               // the lifecycle leaves the VM's runners alone
  Phase vm_phase = Phase::pre_migrating;
  std::string runs_at;                 // runner that has the VM now; empty: the source, as before
  std::optional<Instant> look_again;
};

// The target must listen within this time after it was ordered.
constexpr Duration prepare_limit = std::chrono::seconds(90);
// A copy that moves nothing for so long is given up: QEMU never does (lab-virt.md 5).
constexpr Duration stall_limit = std::chrono::seconds(30);

MigrationDecision decide_migration(const MigrationFacts& facts);

bool is_over(MigrationPhase phase);

// What people should hear of, seen in two stored statuses. at, kind, ns and name are the caller's.
std::vector<Event> events_between(const MigrationStatus& before, const MigrationStatus& after);

}  // namespace neonvm::decide
