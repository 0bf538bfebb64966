// What lifecycle and migration decide from: the VM's objects, its runners, and what those last said.
//
// Filled by daemon/controller at every pass, from its copies of the objects and the links to the runners; by tests from
// tables. Plain values: nothing here points anywhere or knows a clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "core/model/node.hpp"
#include "core/model/result.hpp"
#include "core/model/revision.hpp"
#include "core/model/vm.hpp"

namespace neonvm::decide {

// The last report of one runner.
struct RunnerWord {
  bool fresh = false;                  // the link is up, and this is not older than the last order that it answered
  MachinePhase machine = MachinePhase::starting;
  std::string accelerator, machine_type;
  std::uint32_t cpus_present = 0;
  CpuState cpu;
  MemoryState memory;
  Revision revision;
  bool resizing = false;
  bool guest_connected = false;
  std::string guest_version;
  WorkloadHealth health;
  std::string clock_news;
  bool clock_warning = false;
  std::optional<MemoryState> swap;
  std::vector<FilesState> files;
  std::vector<std::string> notices;
  MigrationReport migration;
  std::string incoming_address;
};

struct RunnerFacts {
  std::string name, node;
  std::string run_dir;                 // the life of one QEMU: successors of a runner share it
  RunnerRole role = RunnerRole::source;
  RunnerPhase phase = RunnerPhase::starting;
  bool deleting = false;               // its end was ordered
  bool vm_ended = false;               // no QEMU of its run_dir is left
  bool node_known = true;
  std::string endpoint;
  std::string exit_reason;             // of one that is starting: what it cannot begin without
  Instant known_since{};               // seen first by this controller
  bool silent = false;                 // nobody answers at its door; of one without a word: nobody ever did to this controller
  std::optional<RunnerWord> word;
};

// Its process is there, or is coming.
bool is_held(const RunnerFacts& runner);
// A QEMU of it may exist. Nothing is started while one of a VM may.
bool may_live(const RunnerFacts& runner);
// It has not begun and cannot, as things are: its image is not there.
bool is_blocked(const RunnerFacts& runner);
// Its process left and its QEMU may have stayed.
bool is_lost(const RunnerFacts& runner);
// The machine runs the VM, by the runner's own word.
bool is_running(const RunnerFacts& runner);
const RunnerFacts* find_runner(const std::vector<RunnerFacts>& runners, const std::string& name);
// Carries what is known of one runner to the others of its run_dir: when one saw QEMU's end, all are over.
void share_ends(std::vector<RunnerFacts>& runners);
// A lost runner whose QEMU another one holds or may yet find.
bool is_superseded(const RunnerFacts& runner, const std::vector<RunnerFacts>& runners);
// Who holds the machine of `name` now: itself, or the successor that shares its run_dir; when nobody does, who held it
// last. null: no such runner.
const RunnerFacts* holder_of(const std::vector<RunnerFacts>& runners, const std::string& name);

// A start that could not be made; forgotten when the world changes.
struct Refusal {
  Code code = Code::internal;
  std::string reason;                  // CamelCase: "OutOfCapacity", "ImageMissing", "StartRefused"
  std::string why;
  std::optional<Instant> retry_at;     // none: an event tells when it may succeed
};

// What of a VM's history is kept in memory only: a controller that starts anew is merely less patient or more.
struct Tries {
  std::uint32_t streak = 0;            // ends without ten minutes of health between them
  std::optional<Instant> ran_since;
  std::optional<Instant> due;          // not started again before
  std::optional<Refusal> refused;
};

constexpr Duration restart_first = std::chrono::seconds(1);
constexpr Duration restart_cap = std::chrono::seconds(30);
constexpr Duration healthy_after = std::chrono::minutes(10);
constexpr Duration start_patience = std::chrono::minutes(3);

// 1, 2, 4 … 30 s after the 1st, 2nd, 3rd … end of a streak.
Duration restart_delay(std::uint32_t streak);
// What a new controller takes from the stored status. A clock that jumped never makes the wait longer than the cap.
Tries recalled(const VmStatus& status, Instant now, WallTime wall);

struct LifecycleFacts {
  std::string name;
  VmSpec spec;
  VmStatus status;                     // as stored
  bool finalizer = false;
  bool deleting = false;
  std::vector<RunnerFacts> runners;    // all that are owned by this VM
  // A migration that has begun. Its ladder decides about its two runners; here nobody is started or stopped for it.
  bool migrating = false;
  Phase migrating_phase = Phase::pre_migrating;
  std::string migration, migration_source;
  std::string runs_at;                 // the migration's word: the VM is held by this runner from now on
  std::string fresh_name;              // for a runner, if one must be named; never used before
  std::string size_why;                // why another size than the wish is asked of the runner
  std::string tend_why;                // why it has no fresh certificate, for which its spec asks
  Tries tries;
  Instant now{};
  WallTime wall{};
};

}  // namespace neonvm::decide
