// VmWorld: one VM, its QEMUs and its runner processes, as rough as the real ones; and a controller that does what
// decide/lifecycle and decide/migration say, and that may die at any moment. For property tests: everything that may
// happen is a numbered deed, so that a list of bytes is a history, and rapidcheck can shrink it.
//
// What is modelled: reports and object changes come late; orders are done at once, late, or never, with or without an
// answer; runners and QEMUs die, one without the other; writes conflict; the controller forgets everything.
// What is checked at every step: no two QEMUs run the VM, none is resumed that another one has overtaken, none is started
// beside one that lives, and no order of the controller ends the last whole copy.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/lifecycle.hpp"
#include "core/decide/migration.hpp"

namespace neonvm::tests {

struct Qemu {
  enum class State { running, incoming, loaded, postmigrate, dead };
  State state = State::incoming;
  bool listening = false;
  bool was_copied = false;               // its migration state is `completed`, failed or cancelled for ever after
  MigrationState migration = MigrationState::none;
  std::string copies_to;                 // run_dir
  bool whole = false;                    // has the VM, not overtaken by another QEMU
  bool clean_end = false;
};

struct RunnerProcess {
  decide::RunnerFacts facts;             // as the orchestrator stores it; word: as the runner would tell it now
  bool attach_only = false;
  bool incoming = false;
  bool alive = true;                     // the process
  bool has_machine = false;              // attached or started
  bool stopped_by_wish = false;          // its owner wanted the VM stopped when its stop was ordered
};

class VmWorld {
 public:
  enum class Deed : std::uint8_t {
    controller_acts, controller_dies, reports_come, objects_come, runner_works, copy_ends_well, copy_fails, runner_dies,
    qemu_dies, guest_powers_off, order_late, order_lost, answer_lost, late_orders_done, write_conflicts, migrate, cancel,
    stop_vm, start_vm, time_passes, stops_done, link_breaks, count
  };

  explicit VmWorld(RestartPolicy policy = RestartPolicy::always);
  void happen(Deed deed, std::uint8_t which);
  // No more faults: everybody does what is due until nothing changes. False: it never came to rest.
  bool settle();

  [[nodiscard]] const std::string& violation() const { return violation_; }
  [[nodiscard]] bool runs() const;                  // exactly one QEMU, running, held by the runner of the status; no other left
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] const VmStatus& status() const { return vm_status_; }
  [[nodiscard]] const MigrationStatus& migration() const { return migration_status_; }
  [[nodiscard]] bool has_migration() const { return has_migration_; }
  [[nodiscard]] std::uint64_t boots() const { return boots_; }
  [[nodiscard]] std::vector<std::string>& history() { return history_; }

 private:
  struct Order {
    decide::MigrationDeed deed = decide::MigrationDeed::none;
    std::string runner, address;
    bool unless_whole = false;
  };
  enum class Fate { now, late, lost, unheard };

  // vm_world.cpp: QEMUs and runners
  Qemu* qemu_of(const RunnerProcess& runner);
  void runner_works(RunnerProcess& runner);
  void kill_qemu(const std::string& run_dir, const std::string& how, bool by_controller);
  void end_runner(RunnerProcess& runner, bool clean, bool vm_ended, const std::string& why);
  void do_stops();
  void copy_ends(Qemu& source, bool well);
  bool obey(const Order& order);
  bool activate(RunnerProcess& runner, Qemu& qemu);
  void retell(RunnerProcess& runner);
  void check();
  void violate(const std::string& what);
  [[nodiscard]] std::size_t whole_copies() const;

  // vm_world_controller.cpp: the caller of decide
  bool controller_acts();
  bool controller_step();
  bool act_on_migration(const decide::MigrationDecision& decision);
  bool act_on_lifecycle(const decide::LifecycleDecision& decision);
  bool give_order(const decide::MigrationStep& step);
  void start_process(const std::string& name, const std::string& predecessor, bool incoming);
  void stop_process(const std::string& name);
  bool write_conflicts();
  bool objects_come();
  bool reports_come();
  void controller_dies();
  void fault(Deed deed, std::uint8_t which);
  void copies_end(bool well);
  void new_migration();
  void late_orders();
  decide::MigrationFacts migration_facts() const;
  decide::LifecycleFacts lifecycle_facts(const decide::MigrationDecision* migration) const;

  std::map<std::string, Qemu> qemus_;               // by run_dir
  std::map<std::string, RunnerProcess> runners_;    // by name
  std::vector<Order> late_;
  // The target was perhaps told to run, and nobody can know: if it dies now, its VM has crashed with it.
  bool nobody_knows_ = false;

  VmSpec spec_;
  VmStatus vm_status_;
  bool finalizer_ = false;
  bool has_migration_ = false;
  MigrationSpec migration_spec_;
  MigrationStatus migration_status_;
  bool migration_finalizer_ = false;

  // The controller's memory.
  std::map<std::string, decide::RunnerFacts> seen_;
  decide::Tries tries_;
  std::string reserved_;
  std::uint32_t copies_ = 0;
  Instant began_{}, progressed_{};
  bool never_ran_ = false, source_heard_ = false;

  Instant now_{};
  WallTime wall_{};
  std::uint64_t names_ = 0, boots_ = 0;
  int conflicts_ = 0;
  Fate next_fate_ = Fate::now;
  std::string violation_;
  std::vector<std::string> history_;
};

}  // namespace neonvm::tests
