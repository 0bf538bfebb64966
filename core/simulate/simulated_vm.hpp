// SimulatedVm: one VM in virtual time: its guest, its agent's scaling, its policy, and the way of every message between.
//
// Owned by a SimulatedNode; one thread at a time. It runs alone (advance) for as long as it needs nobody: VMs of a node
// meet only in the ledger, and what a VM does between two visits there cannot change what another one does. So a node
// lets each VM run ahead, and serves their visits in the order of time.
//
// The deciding code is the daemons': decide::Scaling, decide::GuestConsent, and the policy behind its door. With
// `skip_quiet`, next() is not asked while its answer could only be the last one: nothing has happened since, and the time
// that it named has not come.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/decide/guest_consent.hpp"
#include "core/decide/ledger.hpp"
#include "core/decide/scaling.hpp"
#include "core/ports/policy.hpp"
#include "core/simulate/demand.hpp"
#include "core/simulate/guest.hpp"
#include "core/simulate/mischief.hpp"
#include "core/simulate/settings.hpp"
#include "core/simulate/statistics.hpp"

namespace neonvm::simulate {

struct VmPlan {
  std::string name;
  Resources min, max, start;
  Bytes memory_step{128 * mib};
  bool may_migrate = true;
  std::map<std::string, std::string> node_selector;
  double arrives = 0;                       // trace second
};

// A policy, what it is asked with and the goal that it writes into, again and again.
struct PolicyCall {
  std::unique_ptr<Policy> policy;
  Goal goal;
  PolicyInput input;
};

// What the whole world looks at of each VM every time: kept apart from the VMs, which are too many for that.
struct Shown {
  Resources actual, needed;
  bool gone = false, migrating = false;
};

class SimulatedVm {
 public:
  // `plan`, `settings` and `shown`, which it keeps up to date, must live as long.
  SimulatedVm(const VmPlan& plan, const Settings& settings, std::unique_ptr<DemandSource> demand, std::size_t index,
              Instant at, Shown* shown);

  // Why advance() stopped before `until`.
  struct Stop {
    Instant at;                             // visit: when it is at its node; waits: when something else happens to it
    bool waits = false;                     // for room, and would until then ask again and again the question of before
  };
  // Runs until it needs its node or `until` is reached: none. may_wait: it may stop where it waits for room.
  std::optional<Stop> advance(Instant until, PolicyCall& policy, bool may_wait = false);
  // Does at the node what advance() stopped for. True: the books have changed.
  bool visit(decide::Ledger& ledger);

  // While it waits: whether the node's books would still answer as before.
  [[nodiscard]] bool would_still_wait(const decide::Ledger& ledger) const;
  // All questions that reached the node before `before` have been answered as the last one was. Ends the waiting.
  void waited(Instant before);
  // Asks the processor for what advance() and visit() will look at: with thousands of VMs none of it is in its cache.
  // First fetch(), and while other VMs run fetch_rest() and fetch_last(), which look for more in what the one before brought.
  void fetch() const;
  void fetch_rest(Instant until) const;
  void fetch_last(Instant until) const;
  // When something happens to it next.
  [[nodiscard]] Instant next_at() const;
  // Brings it to `at`, so that something can happen to it from outside.
  void bring_to(Instant at);

  void migration_began(Instant at);
  void migration_ended(Instant at, bool moved, double downtime);
  void agent_crashed(Instant at);           // its scaling starts anew from what the world says
  void guest_lost(Instant at);
  void guest_back(Instant at);
  void set_wall_offset(std::int64_t seconds) { wall_offset_ = seconds; }   // its host's clock is wrong
  void set_mischief(Mischief* mischief) { mischief_ = mischief; }

  [[nodiscard]] const VmPlan& plan() const { return *plan_; }
  [[nodiscard]] std::size_t index() const { return index_; }
  [[nodiscard]] const std::string& holder() const { return holder_; }
  void set_holder(std::string holder) { holder_ = std::move(holder), booking_ = nullptr; }
  // Of its holder, in the books of its node; null: none.
  const decide::Ledger::Entry* booking(const decide::Ledger& ledger) {
    if (booking_ == nullptr) booking_ = ledger.find(holder_);
    return booking_;
  }
  void books_were_rebuilt() { booking_ = nullptr; }
  [[nodiscard]] const Resources& actual() const { return actual_; }
  [[nodiscard]] const Resources& asked() const { return asked_; }
  [[nodiscard]] const decide::Scaling& scaling() const { return scaling_; }
  [[nodiscard]] const Guest& guest() const { return guest_; }
  [[nodiscard]] const Demand& demand() const { return piece_.demand; }
  [[nodiscard]] bool gone() const { return gone_; }
  [[nodiscard]] bool migrating() const { return migrating_; }
  [[nodiscard]] bool denied() const { return denied_; }   // its node had no room for all of its wish
  [[nodiscard]] const VmStatistics& statistics() const { return stats_; }
  [[nodiscard]] const Levels& waits() const { return waits_; }
  [[nodiscard]] const std::string& policy_error() const { return policy_error_; }

 private:
  enum class Kind : std::uint8_t { ask, report, permit, write, written, cpus, memory, consent, consented, tell, told, look, want };
  struct Event {
    Instant due{};
    Kind kind = Kind::look;
    bool ok = true;
    std::uint64_t id = 0;
    Resources from, to;
    Revision revision;
    std::optional<Bytes> floor;
    std::string why;
    std::uint32_t life = 0;       // of the agent that waits for it
  };

  // simulated_vm.cpp: time. The guest is moved on only where it is looked at or changed: where else it is stopped on
  // the way would show in the last bits of its figures.
  void elapse(Instant to);
  void settle();
  void next_piece();
  void size_changed();
  void step(Instant at, PolicyCall& policy);
  void take_sample(Instant at, const PolicyCall& policy);
  void ask_policy(Instant at, PolicyCall& policy);
  [[nodiscard]] Resources as_scaled(Resources wish) const;
  void look_at_memory(Instant at);
  void feed_last();
  void feed_consent(Instant at);
  void tell(Bytes memory, Instant at) { told_ = memory, consent_.size_told(memory, at); }
  [[nodiscard]] bool memory_runs_short() const;
  [[nodiscard]] bool will_look_at_memory(Instant until) const;
  [[nodiscard]] std::size_t first_event() const;
  [[nodiscard]] bool only_waits() const;

  // simulated_vm_deeds.cpp: messages
  void changed();
  void think(Instant at);
  void ask_again(Instant at);
  void put_again(Instant at);
  void refused_again(Instant at);
  void start(const decide::Actions& actions, Instant at);
  void send(Event event, Instant at, Duration delay);
  [[nodiscard]] bool still_no_room(const Event& event);
  void happens(const Event& event);
  void write_arrives(const Event& event);
  void cpus_follow(const Event& event);
  void memory_follows(const Event& event);
  void consent_arrives(const Event& event);
  void report(Instant at, bool settled);
  [[nodiscard]] Duration memory_time(Bytes to) const;

  // What a step looks at lies together, in front: of ten thousand VMs nothing else need come into the processor's cache.
  const VmPlan* plan_;
  const Settings* settings_;
  std::string_view name_;                     // of the plan, as are these
  Resources min_, max_;
  Bytes memory_step_;
  std::size_t index_;
  Mischief* mischief_ = nullptr;
  Shown* shown_;
  const decide::Ledger::Entry* booking_ = nullptr;   // of holder_; null: not looked up yet

  // the world's side
  Resources asked_, actual_;
  Bytes told_;                                // the size that the guest was told last
  Revision asked_revision_;
  bool cpus_done_ = true, memory_done_ = true;

  bool idle_ = false;                         // next() was asked, and nothing has happened since
  bool gone_ = false, migrating_ = false, denied_ = false, guest_here_ = true;
  // A node without room is asked again every two seconds: with nothing else going on, by the same question.
  bool only_question_ = false;                // since it was put, nothing but its answer has come
  bool repeats_ = false;                      // the next thing to do is to put it again
  bool short_ = false;
  bool relieved_ = false;                     // it was moved because it had no room
  Instant besides_ = Instant::max();          // when next() wants to be asked for another reason
  Instant asked_at_{};

  // time
  Instant now_, step_at_, piece_end_, wake_at_ = Instant::max(), memory_at_ = Instant::max(), extra_at_ = Instant::max();
  Instant sampled_at_, fed_at_{};
  std::vector<Event> events_;
  Piece piece_;

  // figures
  GuestSize size_;
  Instant settled_at_{};                      // up to here the figures of what was given and needed are in stats_
  double needed_cpu_ = 0, needed_memory_ = 0, units_ = 0, oracle_units_ = 0;
  Instant short_since_{};

  // what the policy sees
  double used_since_ = 0;
  std::size_t taken_ = 0, window_ = 0;
  struct Wanted {
    Resources wish;
    bool complete = true;
    friend bool operator==(const Wanted&, const Wanted&) = default;
  };
  std::optional<Wanted> said_, wanted_;       // by the policy last; what Scaling was told of that
  std::optional<GuestRequest> request_;
  GuestSample* samples_ = nullptr;            // written round after round; of the first `taken_` the last `window_` are shown
  GuestSample only_;                          // where one is enough
  std::int64_t wall_offset_ = 0;

  Guest guest_;
  VmStatistics stats_;                        // its figures in front, its levels behind

  // looked at now and then
  Levels waits_{0.01};
  std::vector<GuestSample> many_;
  std::unique_ptr<DemandSource> source_;
  decide::AskPermit question_;
  decide::Scaling scaling_;
  decide::GuestConsent consent_;
  std::string holder_;
  std::string policy_error_;
  int direction_ = 0;
  std::uint32_t life_ = 0;
};

}  // namespace neonvm::simulate
