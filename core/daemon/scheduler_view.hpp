// SchedulerView: the stored objects as the scheduler reads them: decoded once, and turned into bookings.
//
// Used by Scheduler only. Loop thread. Reads VirtualMachines, their migrations and runners; holds of them what bookings are made of,
// because there may be ten thousands, and nothing else, so that it is rebuilt from the world after a crash. Failure: an object that cannot be read is logged and counts
// on the safe side: a runner without a readable VM holds the most that its machine can have.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/decide/ledger.hpp"
#include "core/model/node.hpp"
#include "core/model/object.hpp"
#include "core/model/vm.hpp"

namespace neonvm::daemon {

struct SeenVm {
  std::string name, uid;
  std::string runner;            // that holds it, by its status
  Resources use, actual;         // wished, and had by its status
  Overcommit overcommit;
  std::map<std::string, std::string> node_selector;
  Phase phase = Phase::none;
  bool scales = false;           // an agent decides over its size
  bool may_migrate = false, stopped = false, deleting = false;
};
// What a runner will hold.
struct RunnerNeeds {
  std::string vm_uid;
  std::string run_dir;           // the life of one QEMU: successors of a runner share it
  RunnerRole role = RunnerRole::source;
  Resources first, most;         // that its machine starts with, and can ever have
};
struct SeenRunner {
  std::string name;
  std::string node;              // empty while its pod waits for one; then it holds nothing
  RunnerNeeds needs;
  WallTime created{};
  bool readable = true;          // its machine is; otherwise its sizes and its run_dir are not known
  bool attach_only = false, ended = false, vm_ended = false;
};
struct SeenMigration {
  std::string name;
  MigrationSpec spec;
  MigrationStatus status;
  bool ours = false;             // the scheduler made it
  [[nodiscard]] bool over() const;
};

class SchedulerView {
 public:
  // vmm_counts: runners take from their nodes what their processes need beside the VM (pods do; at a desk nobody counts it).
  explicit SchedulerView(bool vmm_counts = false) : vmm_counts_(vmm_counts) {}

  // Each takes an object as it is now, or was when it went away, and answers the uid of the VM that it concerns.
  std::string vm_changed(const Object& object, bool gone);
  std::string runner_changed(const Object& object, bool gone);
  std::string migration_changed(const Object& object, bool gone);
  // Of its machine; an error names what cannot be read.
  static Result<RunnerNeeds> needs_of(const RunnerSpec& runner);
  // What its own processes take beside the VM.
  [[nodiscard]] Resources overhead(const RunnerNeeds& runner) const;
  // Answers what it has reserved; none: it is gone, or cannot be read.
  std::optional<decide::Booking> neighbour_changed(const Object& object, bool gone);

  // What the runners of a VM hold by what is stored: granted and actual. In the order of their names.
  [[nodiscard]] std::vector<decide::Booking> bookings_of(const std::string& vm_uid) const;
  [[nodiscard]] std::vector<decide::Booking> all_bookings() const;

  [[nodiscard]] const SeenVm* vm(const std::string& uid) const;
  [[nodiscard]] const SeenRunner* runner(const std::string& name) const;
  [[nodiscard]] bool has_neighbour(const std::string& name) const { return neighbours_.count(name) != 0; }
  // It answers for a QEMU that may live: of the runners that share one, the newest.
  [[nodiscard]] bool holds(const SeenRunner& runner) const;
  // The migration of this VM that is not over.
  [[nodiscard]] const SeenMigration* moving(const std::string& vm_name) const;
  [[nodiscard]] const std::map<std::string, SeenVm>& vms() const { return vms_; }
  [[nodiscard]] const std::map<std::string, SeenMigration>& migrations() const { return migrations_; }
  [[nodiscard]] std::vector<const SeenMigration*> migrations_of(const std::string& vm_name) const;

 private:
  [[nodiscard]] decide::Booking booking_of(const SeenRunner& runner) const;
  [[nodiscard]] std::vector<const SeenRunner*> sharing(const SeenRunner& runner) const;

  bool vmm_counts_;
  std::map<std::string, SeenVm> vms_;                        // by uid
  std::map<std::string, std::string> uids_;                  // VM name -> uid
  std::map<std::string, SeenRunner> runners_;
  std::map<std::string, std::set<std::string>> runners_of_;  // VM uid -> runner names
  std::map<std::string, SeenMigration> migrations_;
  std::map<std::string, std::set<std::string>> migrations_of_;  // VM name -> theirs
  std::map<std::string, decide::Booking> neighbours_;
};

// Before the uid of what is no VM, where a booking says whose it is.
constexpr const char* no_vm = "pod:";
// Marks migrations that the scheduler asked for, and cleans up.
constexpr const char* made_by_scheduler = "autoscaling.neon.tech/created-by-scheduler";

}  // namespace neonvm::daemon
