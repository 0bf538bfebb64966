// Scheduler: the node's books in a process: answers permits and places, and moves VMs away from nodes that are too full.
//
// Composed by `neonvm serve` and `neonvm scheduler`; asked by agent and controller through PermitOffice and
// PlacementOffice, in the same process directly, else through scheduler_door.hpp and scheduler_client.hpp. Threads: loop thread only. Lifetime:
// the world, the orchestrator and the loop outlive it; answers that are due when it dies are not given.
// Reads VirtualMachines, migrations, nodes, runners and, where nodes are shared, neighbours; writes migrations, events, and on nodes what is free. Holds nothing that matters in
// itself: after a crash the books are rebuilt from the world, and nothing grows on a node before every VM there has
// restated its permit, or `confirm_within` is over.
// Failure: `unavailable` until the world is known whole.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/daemon/permit_office.hpp"
#include "core/daemon/placement_office.hpp"
#include "core/daemon/scheduler_view.hpp"
#include "core/daemon/world.hpp"
#include "core/decide/ledger.hpp"
#include "core/decide/placement.hpp"
#include "core/decide/room_news.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/wire/pod.hpp"
#include "core/wire/state.hpp"

namespace neonvm::daemon {

struct SchedulerSettings {
  decide::ScoreSettings score;
  decide::MoveSettings moves;
  bool move_above_watermark = true;
  Duration confirm_within = std::chrono::seconds(35);   // longer than a permit and a write under way may be old
  Duration start_within = std::chrono::minutes(2);      // a place is kept so long for a runner that nobody sees
  bool vmm_counts = false;                              // see SchedulerView
  std::set<std::string> ignored_namespaces;             // their pods take nothing: they make room when asked (overprovisioning)
  decide::LeaseTerms leases;                            // of what is lent to the nodes' agents; share 0: nothing
  std::uint64_t epoch = 1;                              // of these books: another one for each process, not 0
  bool show_room = false;                               // on nodes, for those who read them (decide/room_news)
  Duration settle{};                                    // what follows from changes is done so often at most: looking at all VMs takes longer than a permit
};

class Scheduler final : public PermitOffice, public PlacementOffice {
 public:
  Scheduler(runtime::Loop& loop, Orchestrator& orchestrator, World& world, runtime::MetricsRegistry& metrics,
            SchedulerSettings settings = {});

  // Listens to the world from now on; REQUIRES the world to watch these kinds; neighbours may be left out.
  void start();

  void ask(const wire::PermitRequest& request, Answered done) override;
  void lend(const HeadroomRequest& request, Lent done) override;
  void place(const PlacementAsk& ask, Placed done) override;
  void reserve_target(const PlacementAsk& ask, Placed done) override;
  void release(const std::string& runner) override;
  void on_room(std::function<void()> listener) override;

  // The same answers at once, for tests and for doors that are on the loop already.
  Result<wire::PermitResponse> permit(const wire::PermitRequest& request);
  Result<std::string> choose(const PlacementAsk& ask, bool target);
  Result<HeadroomAnswer> lease(HeadroomRequest request);

  // For a kube-scheduler's pods (extender_door.hpp). What the pod would book, without a node.
  [[nodiscard]] Result<decide::Booking> booking_for(const wire::Pod& pod) const;
  [[nodiscard]] Result<decide::Booking> booking_for(const SeenRunner& runner) const;
  // Whether a pod, "NAMESPACE/NAME", is nobody's who is counted. VMs always are.
  [[nodiscard]] bool ignores(const decide::Booking& booking) const;
  // Books it, for as long as a place is kept; one that is ignored passes. Idempotent; out_of_capacity, already_exists: elsewhere; unavailable:
  // not yet, another one had its name.
  Status book(const decide::Booking& booking);
  // A pod found no room on these nodes: it is to be told when it would.
  void refused(const decide::Booking& wanted, const std::vector<std::string>& nodes);

  [[nodiscard]] bool ready() const { return ready_; }
  // Empty: ready.
  [[nodiscard]] std::string why_not_ready() const { return ready_ ? "" : not_ready_; }
  // What is answered until start().
  void stand_by(std::string why) { not_ready_ = std::move(why); }
  [[nodiscard]] const SchedulerSettings& settings() const { return settings_; }
  [[nodiscard]] const SchedulerView& view() const { return view_; }
  [[nodiscard]] const decide::Ledger& ledger() const { return ledger_; }
  // For who looks for a fault.
  [[nodiscard]] wire::SchedulerState state() const;
  // Why nodes stay above their watermark, by node.
  [[nodiscard]] const std::map<std::string, std::string>& pinned() const { return pinned_; }

 private:
  void node_changed(const Change& change);
  void vm_changed(const Change& change);
  void runner_changed(const Change& change);
  void neighbour_changed(const Change& change);
  void migration_changed(const Change& change);
  void rebuild_when_synced();
  void follow(const std::string& vm_uid);
  const decide::Ledger::Entry* booked(const wire::PermitRequest& request) const;
  void adopt_successors(const std::vector<decide::Booking>& facts, const std::string& vm_uid);
  void drop_unseen();
  void something_changed();
  void settle();
  void look_at_changed_nodes();
  void show_books(const std::string& node, const decide::NodeTotals& totals);
  [[nodiscard]] std::optional<Resources> wanted_by(const std::string& runner) const;
  void tell_news();
  void news_told(const decide::RoomNote& note, const Status& answer);

  [[nodiscard]] decide::Booking booking_for(const std::string& holder, const RunnerNeeds& runner) const;
  Result<decide::Booking> wanted_booking(const PlacementAsk& ask, bool target) const;
  void answer_later(Placed done, Result<std::string> answer);

  void plan_moves();
  [[nodiscard]] std::vector<decide::Mover> movers() const;
  [[nodiscard]] std::vector<decide::MoveUnderWay> moves_under_way() const;
  [[nodiscard]] std::optional<Instant> last_moved(const SeenVm& vm) const;
  void move(const decide::Move& move);
  void moved(const decide::Move& move, const Result<Object>& created);
  void forget_old_migrations();
  void count_write(const char* op, const std::optional<Error>& failed);

  runtime::Loop& loop_;
  Orchestrator& orchestrator_;
  World& world_;
  runtime::MetricsRegistry& metrics_;
  SchedulerSettings settings_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  bool ready_ = false;
  std::string not_ready_;
  decide::Ledger ledger_;
  SchedulerView view_;
  std::vector<World::Subscription> subscriptions_;
  std::map<std::string, Instant> unseen_until_;        // places for runners that have not shown up
  runtime::Timer unseen_timer_;

  std::function<void()> on_room_;
  bool somebody_waits_ = false;
  std::map<std::string, Resources> free_before_;
  bool change_pending_ = false;
  Instant settled_{};
  runtime::Timer settle_timer_;

  decide::RoomNews news_;
  bool news_fail_ = false;
  runtime::Timer news_timer_;

  std::map<std::string, std::string> pinned_;
  std::map<std::string, decide::Move> ordering_;       // migrations being written, by VM name
  std::map<std::string, Instant> moved_at_;            // by VM name
  std::set<std::string> removing_;
  runtime::Timer moves_timer_;
  std::shared_ptr<void> collected_, watches_;
};

}  // namespace neonvm::daemon
