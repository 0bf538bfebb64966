// VmKeeper: the controller's memory of one VM, and one pass over it.
//
// Owned by Controller, which calls pass() whenever something about the VM changed and never twice at a time. Loop thread
// only. A pass reads the world, asks decide/migration and decide/lifecycle, writes what changed, does one deed, and ends
// by telling when it wants to be called again. Everything remembered here may be lost: a new keeper is merely more or
// less patient. Lifetime: answers that come after its end are dropped.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/daemon/address_office.hpp"
#include "core/daemon/permit_office.hpp"
#include "core/daemon/placement_office.hpp"
#include "core/daemon/runner_link.hpp"
#include "core/daemon/world.hpp"
#include "core/decide/lifecycle.hpp"
#include "core/decide/machine_plan.hpp"
#include "core/decide/migration.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/runtime/work_queue.hpp"

namespace neonvm::daemon {

struct ControllerSettings {
  decide::MachineDefaults machine;
  Duration call_limit = std::chrono::seconds(10);      // of one call of the orchestrator
  Duration order_limit = std::chrono::seconds(15);     // of one request to a runner
  Duration order_retry = std::chrono::milliseconds(500);
  Duration place_retry = std::chrono::seconds(1);      // the scheduler was away
  Duration permit_retry = std::chrono::seconds(2);     // less than asked, or no answer
  Duration size_patience = std::chrono::milliseconds(300);  // for a size, before it is written down that it is being waited for
  LinkRest rest;                                       // of links over which nothing goes
};

// What every keeper works with.
struct ControllerTools {
  runtime::Loop& loop;
  Orchestrator& orchestrator;
  World& world;
  PlacementOffice& places;
  PermitOffice& permits;
  runtime::MetricsRegistry& metrics;
  AddressOffice* addresses;                            // null: there is no overlay network here, and spec.extraNetwork counts for nothing
  ControllerSettings settings;
  std::shared_ptr<LinkRest> rest;                      // of the links to runners
  std::function<void(const std::string& vm)> look_at;  // asks for another pass
  std::function<std::set<std::string>(const std::string& vm_uid)> runners_of;  // names of those in the world
  std::function<std::set<std::string>(const std::string& vm)> migrations_of;   // likewise, by the VM's name
};

class VmKeeper {
 public:
  using Done = std::function<void(runtime::WorkOutcome)>;

  // tools outlive it.
  VmKeeper(const ControllerTools& tools, std::string name);
  ~VmKeeper();

  // One pass. `done` is called exactly once, now or later.
  void pass(Done done);
  // Room may have come: what was refused for lack of it may be tried again. Whether anything was: only then there is a reason for a pass.
  bool room_came();
  // The VM's wish is this generation now: refusals of an older one say nothing about it.
  void wish_changed(std::uint64_t generation);
  // Nothing of this name is left in the world.
  [[nodiscard]] bool idle() const;

 private:
  struct Pass;
  struct Link {
    std::string endpoint;
    std::unique_ptr<RunnerLink> link;
    bool fresh = false;                // a report came over the connection that is up
    bool silent = false;               // the last connection ended, or could not be made
    std::uint64_t version = 0;         // of its object, when that was looked at last
    // Of its object, when that was there last.
    bool was_there = false;
    std::string node, run_dir;
    RunnerRole role = RunnerRole::source;
    Instant known_since{};
  };
  // The migration that is this VM's business now.
  struct Moving {
    std::string uid;                   // of the migration object
    std::optional<decide::Refusal> refused;
    std::string reserved_node;
    std::uint32_t copies = 0;
    bool source_heard = false;
    bool never_ran = false;
    std::optional<Instant> began;
    Instant progressed{};
    std::string last_position;
    std::optional<Instant> order_due;
  };
  using PassPtr = std::shared_ptr<Pass>;

  // vm_keeper_facts.cpp: from the world to what decide needs
  [[nodiscard]] std::vector<Object> runner_objects(const std::string& vm_uid) const;
  [[nodiscard]] std::vector<decide::RunnerFacts> runner_facts(const std::string& vm_uid);
  [[nodiscard]] std::optional<decide::RunnerWord> word_of(const std::string& runner) const;
  [[nodiscard]] bool is_known(const std::string& node) const;
  static void note_object(Link& link, const decide::RunnerFacts& facts);
  void keep_links(const std::vector<Object>& runners);
  [[nodiscard]] bool outlives_its_object(const Link& link) const;
  void connect(const std::string& runner, const std::string& endpoint);
  bool read(Pass& pass);
  void say_unreadable(const Error& error);
  void pick_migration(Pass& pass);
  [[nodiscard]] decide::LifecycleFacts lifecycle_facts(const Pass& pass);
  [[nodiscard]] decide::MigrationFacts migration_facts(Pass& pass);
  void note_progress(const Pass& pass);
  Moving& moving();

  // vm_keeper.cpp: the course of a pass
  void begin(const PassPtr& pass);
  void migrate(PassPtr pass);
  void live(const PassPtr& pass);
  void conclude(const PassPtr& pass, decide::LifecycleDecision decision);
  [[nodiscard]] bool waits_for_size(const PassPtr& pass, const VmStatus& status);
  void write_status(const PassPtr& pass, Object object, std::string status, std::vector<Event> events,
                    std::function<void(Object)> written);
  void set_finalizer(const PassPtr& pass, Object object, bool value);
  void end(const PassPtr& pass, runtime::WorkOutcome outcome);
  void fail(const PassPtr& pass, const std::string& what, const Error& error);
  void again(const PassPtr& pass);
  void go_on(const PassPtr& pass);
  void record(std::vector<Event> events, Kind kind, const std::string& name, std::int64_t revision);
  [[nodiscard]] std::string fresh_name() const;
  const std::string& next_name();

  // vm_keeper_life.cpp: the lifecycle's deeds
  void do_life(const PassPtr& pass, const decide::LifecycleDecision& decision);
  void find_place(const PassPtr& pass, decide::LifecycleDecision decision);
  void find_address(const PassPtr& pass, decide::LifecycleDecision decision);
  void give_address_back(const PassPtr& pass, std::function<void()> go_on);
  void start_runner(const PassPtr& pass, const std::string& runner);
  void succeed_runner(const PassPtr& pass, const std::string& runner, const std::string& predecessor);
  void launch(const PassPtr& pass, const std::string& name, RunnerSpec spec);
  void launched(const PassPtr& pass, const std::string& name, const Result<Object>& started);
  void refused(const PassPtr& pass, const std::string& reason, const Error& error);
  void start_refused(const PassPtr& pass, const Error& error);
  void leave_unread(const PassPtr& pass);
  void stop_runner(const PassPtr& pass, const std::string& runner, Duration grace);
  void forget_vm(const PassPtr& pass);
  void if_world_agrees(const PassPtr& pass, std::function<void()> go_on);

  // vm_keeper_move.cpp: the migration's deeds
  void do_move(const PassPtr& pass, const decide::MigrationDecision& decision);
  void reserve_target(const PassPtr& pass);
  void start_target(const PassPtr& pass, const std::string& runner);
  void order(const PassPtr& pass, const decide::MigrationStep& step);
  void end_side(const PassPtr& pass, const decide::MigrationStep& step);
  void ask_how_it_stands(const std::string& runner);
  void ordered(const PassPtr& pass, decide::MigrationDeed deed, const Result<wire::RunnerReply>& reply);

  // vm_keeper_tend.cpp: what it is given that does not last
  void tend(const PassPtr& pass);
  void tended(const Result<std::optional<Duration>>& again);

  // vm_keeper_size.cpp: the size of a VM that runs
  void keep_size(const PassPtr& pass);
  void ask_permit(const PassPtr& pass, const Resources& wanted);
  void permit_came(const Result<wire::PermitResponse>& answer, const Resources& wanted);
  void order_size(const PassPtr& pass, const Resources& size);
  void order_swap(const PassPtr& pass, const decide::RunnerWord& word);
  bool guest_was_asked(const PassPtr& pass, const decide::RunnerWord& word, const Resources& size);
  void tell_guest(const PassPtr& pass, const decide::RunnerWord& word, const Resources& size);

  const ControllerTools& tools_;
  const std::string name_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  std::string next_name_;                      // for a runner that is to be
  std::string unreadable_;                     // why, if it has been told
  bool recalled_ = false;
  std::uint64_t rooms_ = 0;                    // how often room came
  std::uint32_t start_refusals_ = 0;           // one after the other
  std::uint64_t generation_ = 0;
  std::optional<Instant> unsettled_until_;     // a size that comes before is written down once
  decide::Tries tries_;
  std::map<std::string, Link> links_;          // by runner
  std::map<std::string, Instant> known_since_; // runners
  std::unique_ptr<Moving> moving_;             // most never move

  std::uint64_t tended_generation_ = 0;        // of the wish that was tended to last
  bool tend_due_ = false, tend_open_ = false;
  runtime::Timer tend_timer_;
  std::string tend_why_;                       // what is missing

  // Of VMs that are sized by hand.
  std::string size_why_;
  std::string permit_runner_;                  // whom the permit below is for
  std::optional<Resources> permit_, permit_wanted_;
  std::optional<Instant> permit_due_;          // not asked again before, unless something else is wanted
  bool permit_open_ = false, size_open_ = false, swap_open_ = false;
  std::optional<Instant> size_due_;
  std::optional<wire::Resize> size_ordered_;
  // Between the guest and a size that is given by hand.
  struct ByHand {
    std::optional<Resources> asked, to_tell;
    bool open = false;                         // asked, not answered yet
    std::string no;
  };
  ByHand hand_;
};

}  // namespace neonvm::daemon
