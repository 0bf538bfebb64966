// Runner: holds one VM. It starts QEMU (or takes hold of one that already runs), makes it as big as it is told, hands
// on what the guest says, moves it and stops it. `neonvm runner` is this class and nothing else.
//
// Spoken to by controller, agent and CLI over wire/runner_protocol. Loop thread only. Lifetime: the VM outlives the
// runner; a runner that is killed leaves QEMU running, and its successor for the same run_dir attaches. Reads nothing
// but its RunnerSpec; writes `exit.json` (a RunnerStatus) into run_dir when it ends in order. After a crash everything
// is rebuilt from QEMU and the guest: the size that QEMU has now is the size that was asked.
// Failure: ends with an exit reason; only `gone` of the machine counts as the VM's end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/daemon/cpu_quota.hpp"
#include "core/daemon/guest_clock.hpp"
#include "core/daemon/files_push.hpp"
#include "core/daemon/guest_link.hpp"
#include "core/daemon/machine_hold.hpp"
#include "core/decide/memory_plan.hpp"
#include "core/decide/resize.hpp"
#include "core/model/node.hpp"
#include "core/ports/hypervisor.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::daemon {

struct RunnerSettings {
  std::string name;                  // of the runner object
  RunnerSpec spec;
  MachineSpec machine;               // decoded spec.machine
  Duration start_limit = std::chrono::seconds(60);
  Duration command_limit = std::chrono::seconds(10);
  Duration guest_limit = std::chrono::seconds(5);
  Duration memory_quiet = std::chrono::seconds(2);   // nothing moved for so long: the wish has settled
  Duration default_grace = std::chrono::seconds(10);
  bool cpu_quota = false;            // limit QEMU to the VM's size, where there is a cgroup for it
};

class Runner {
 public:
  using Answer = std::function<void(wire::RunnerReply)>;
  // Peers of the runner: told every report, and samples and wants when they subscribed.
  class Audience {
   public:
    virtual ~Audience() = default;
    virtual void report(const wire::RunnerReport& report) = 0;
    virtual void sample(const wire::SamplePush& push) = 0;
    virtual void want(const wire::WantPush& push) = 0;
    virtual void guest_data(const wire::StreamData& data) = 0;
    virtual void guest_ack(const wire::Ack& ack) = 0;
    virtual void guest_gone() = 0;
  };

  // on_end: the machine is gone (or could not be had); the status says how. Called once.
  Runner(runtime::Loop& loop, Hypervisor& hypervisor, RunnerSettings settings, runtime::MetricsRegistry& metrics,
         std::function<void(RunnerStatus)> on_end);
  ~Runner();

  void start();
  // Ends the VM in order within grace, then harder; the end comes by on_end.
  void stop(Duration grace);
  void set_audience(Audience* audience) { audience_ = audience; }
  // Every request of the protocol but Subscribe, which is the audience's. `answer` is called exactly once.
  void request(const wire::RunnerBody& body, Answer answer);

  [[nodiscard]] const wire::RunnerReport& report() const { return report_; }
  [[nodiscard]] GuestLink& guest() { return *guest_; }
  [[nodiscard]] const RunnerSettings& settings() const { return settings_; }
  // By the guest's last sample; none without a guest that tells how its memory lies.
  [[nodiscard]] const std::optional<MemoryPlan>& memory_plan() const { return memory_plan_; }

 private:
  struct Stopping;

  // runner.cpp
  void had(Result<std::unique_ptr<Machine>> machine, bool attached);
  void learned(const MachineState& state, bool attached, const std::optional<MigrationReport>& copy);
  void happened(const MachineEvent& event);
  void end(bool success, const std::string& reason, bool vm_ended);
  void changed();
  void guest_came(const wire::Hello& hello);
  void workload_ended(const wire::WorkloadEnded& news);
  void guest_went(const std::string& why);
  void keep_clock();
  void guest_sampled(wire::SampleMessage message);

  // runner_resize.cpp
  void resize(const wire::Resize& order, const Answer& answer);
  void drive();                            // asks decide/resize what is next, does it, reports
  void do_order(const decide::ResizeOrder& order);
  void order_answered(const decide::ResizeOrder& order, const std::optional<std::string>& failure);
  void look_at_slots();
  void note_slots(const MachineState& state);
  void note_online(std::uint32_t online);
  void note_memory(Bytes plugged, Bytes wish);
  void follow_memory();
  void memory_stands(const Result<MemoryState>& state);
  void plan_memory(const GuestSample& sample);
  void make_room();
  [[nodiscard]] bool migrating() const;

  // runner_quota.cpp
  void keep_quota();
  void set_quota();
  void drop_quota();

  // runner_swap.cpp
  void want_swap(const wire::Swap& order, const Answer& answer);
  void order_swap();
  void note_swap(const GuestSample& sample);
  void limit_disk(const wire::Quota& order, Answer answer);

  // runner_migrate.cpp
  void listen(const wire::Listen& order, Answer answer);
  void migrate_to(const wire::MigrateTo& order, Answer answer);
  void cancel_migration(Answer answer);
  void activate(Answer answer);
  void abandon(const wire::Abandon& order, Answer answer);
  void migration_moved(const MigrationReport& now);
  void open_forward(const Port& port, Instant give_up);

  // runner_stop.cpp
  void press_harder();
  void ask_consent(const wire::Consent& order, Answer answer);
  void tell_grown(const wire::Grown& order, Answer answer);

  runtime::Loop& loop_;
  Hypervisor& hypervisor_;
  RunnerSettings settings_;
  runtime::MetricsRegistry& metrics_;
  std::function<void(RunnerStatus)> on_end_;
  Audience* audience_ = nullptr;
  std::unique_ptr<MachineHold> hold_;
  std::unique_ptr<GuestLink> guest_;
  std::unique_ptr<GuestClock> clock_;
  std::unique_ptr<FilesPush> files_;
  bool swap_open_ = false, swap_again_ = false;  // an order is open; ... and another one waits for its answer
  wire::RunnerReport report_;
  std::vector<Port> forwards_;             // opened once the VM runs here
  std::string cause_;                      // what ended the machine, before `gone` comes
  std::optional<wire::WorkloadEnded> workload_;  // it ended for good, and the guest will power off for that
  bool clean_ = false;                     // ... and whether that was a clean end
  bool ended_ = false;
  bool has_vm_ = false;                    // the VM ran here: not a target that still waits for it
  bool sends_vm_ = false;                  // it was told to migrate, and has not failed
  bool push_pending_ = false;
  Instant began_{};

  decide::MachineShape shape_;
  decide::ResizeFacts facts_;
  bool size_known_ = false;                // somebody told us a size, or we know what our predecessor was told
  runtime::Timer resize_timer_;
  bool memory_asked_ = false;              // a question where the memory stands is open
  runtime::Timer memory_timer_;
  Duration memory_poll_{};
  std::optional<MemoryPlan> memory_plan_;
  Instant held_told_{};
  Instant next_drop_{};                    // of the guest's slab
  bool slab_dropped_ = false;              // the next sample says what was left of it
  Bytes slab_kept_{};

  std::shared_ptr<CpuQuota> quota_;        // set once the machine is known
  MilliCpu quota_wanted_, quota_set_;
  bool quota_open_ = false;                // files of it are being written
  bool guest_ever_came_ = false;

  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<Stopping> stopping_;
  std::set<std::unique_ptr<runtime::Timer>> forward_timers_;
};

}  // namespace neonvm::daemon
