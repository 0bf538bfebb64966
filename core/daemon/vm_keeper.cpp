#include "core/daemon/vm_keeper.hpp"

#include <random>
#include <utility>

#include "core/daemon/vm_pass.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {

using runtime::WorkOutcome;

VmKeeper::VmKeeper(const ControllerTools& tools, std::string name) : tools_(tools), name_(std::move(name)) {}

VmKeeper::~VmKeeper() = default;

// Kubernetes' manner: the owner's name and five letters, and short enough for a DNS label with a few more behind it.
std::string VmKeeper::fresh_name() const {
  static thread_local std::mt19937 random{std::random_device{}()};
  std::string end = "-";
  for (int i = 0; i < 5; ++i) end += "bcdfghjklmnpqrstvwxz2456789"[random() % 27];
  return name_beside(name_, "", end);
}

// Kept until there is a runner of that name: a place is booked under it before it is written down.
const std::string& VmKeeper::next_name() {
  if (next_name_.empty()) next_name_ = fresh_name();
  return next_name_;
}

bool VmKeeper::idle() const { return links_.empty() && tools_.world.find(Kind::virtual_machine, name_) == nullptr; }

bool VmKeeper::room_came() {
  ++rooms_;
  const auto by_room = [](const std::optional<decide::Refusal>& refusal) { return refusal && !refusal->retry_at; };
  const bool start = by_room(tries_.refused), move = moving_ && by_room(moving_->refused);
  if (start) tries_.refused.reset();
  if (move) moving_->refused.reset();
  const bool grow = permit_wanted_ && (!permit_ || exceeds_somewhere(*permit_wanted_, *permit_));
  permit_due_.reset();
  return start || move || grow;
}

void VmKeeper::wish_changed(std::uint64_t generation) {
  if (std::exchange(generation_, generation) == generation) return;
  tries_.refused.reset();
  start_refusals_ = 0;
  size_due_.reset();
  permit_due_.reset();
}

void VmKeeper::pass(Done done) {
  const auto pass = std::make_shared<Pass>();
  pass->done = std::move(done);
  begin(pass);
}

void VmKeeper::begin(const PassPtr& pass) {
  pass->rooms = rooms_;
  if (!read(*pass)) return leave_unread(pass);
  if (pass->migration) return migrate(pass);
  live(pass);
}

void VmKeeper::end(const PassPtr& pass, WorkOutcome outcome) {
  if (std::exchange(pass->ended, true)) return;
  pass->done(outcome);
}

void VmKeeper::again(const PassPtr& pass) { end(pass, WorkOutcome::again(Duration::zero())); }

// At once, without a turn for the others first: what begins for many VMs together is to end for one after the other.
void VmKeeper::go_on(const PassPtr& pass) {
  const auto next = std::make_shared<Pass>();
  next->done = std::move(pass->done);
  pass->ended = true;
  begin(next);
}

void VmKeeper::fail(const PassPtr& pass, const std::string& what, const Error& error) {
  if (error.code == Code::conflict) return end(pass, WorkOutcome::conflicted());
  runtime::log_warning("controller", what, {{"vm", name_}, {"error", error.message}});
  end(pass, WorkOutcome::retry());
}

void VmKeeper::migrate(PassPtr pass) {
  const auto decision = decide_migration(migration_facts(*pass));
  pass->move = decision;
  pass->wake(decision.look_again);
  if (decision.status == pass->move_status) {
    if (decision.step.deed != decide::MigrationDeed::none) return do_move(pass, decision);
    return pass->vm ? live(pass) : end(pass, WorkOutcome::success());
  }
  auto events = decide::events_between(pass->move_status, decision.status);
  const std::string text = wire::encode_over(pass->migration->status, decision.status);
  write_status(pass, *pass->migration, text, std::move(events), [this, pass, decision](Object written) {
    if (pass->move_status.phase != MigrationPhase::running) moving().began = tools_.loop.now();
    const std::string& step = decision.status.progress.step;
    if (pass->move_status.progress.step != step) moving().progressed = tools_.loop.now();
    if (step == "switching over" && pass->move_status.progress.step != step) moving().never_ran = true;
    pass->migration = std::move(written);
    if (decision.step.deed == decide::MigrationDeed::none) return again(pass);
    do_move(pass, decision);
  });
}

void VmKeeper::live(const PassPtr& pass) {
  auto decision = decide_lifecycle(lifecycle_facts(*pass));
  pass->wake(decision.look_again);
  if (decision.step.deed == decide::LifecycleDeed::start_runner) return find_address(pass, std::move(decision));
  conclude(pass, std::move(decision));
}

void VmKeeper::conclude(const PassPtr& pass, decide::LifecycleDecision decision) {
  if (decision.status == pass->status || waits_for_size(pass, decision.status)) {
    tries_ = decision.tries;
    return do_life(pass, decision);
  }
  pass->first_life = pass->status.phase == Phase::none && pass->status.runner.empty() && pass->runners.empty() && !pass->migration;
  auto events = decide::events_between(pass->status, decision.status);
  const std::string text = wire::encode_over(pass->vm->status, decision.status);
  write_status(pass, *pass->vm, text, std::move(events), [this, pass, decision](Object written) {
    tries_ = decision.tries;
    pass->vm = std::move(written);
    pass->status = decision.status;
    do_life(pass, decision);
  });
}

bool VmKeeper::waits_for_size(const PassPtr& pass, const VmStatus& status) {
  if (!decide::is_on_its_way(pass->status, status) || pass->status.phase == Phase::scaling) {
    unsettled_until_.reset();
    return false;
  }
  const Instant now = tools_.loop.now();
  if (!unsettled_until_) unsettled_until_ = now + tools_.settings.size_patience;
  if (now >= *unsettled_until_) return false;
  pass->wake(*unsettled_until_);
  return true;
}

void VmKeeper::write_status(const PassPtr& pass, Object object, std::string status, std::vector<Event> events,
                            std::function<void(Object)> written) {
  object.status = std::move(status);
  const Kind kind = object.kind;
  const std::string name = object.name;
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, object = std::move(object), limit = tools_.settings.call_limit] {
        return orchestrator.update_status(object, call_deadline(limit));
      },
      [this, weak = std::weak_ptr(alive_), pass, kind, name, events = std::move(events),
       written = std::move(written)](const Result<Object>& now) mutable {
        if (weak.expired()) return;
        if (!now) return fail(pass, "a status could not be written", now.error());
        tools_.world.wrote(*now);
        const std::int64_t revision = pass->spec.target_revision.value_or(Revision{}).value;
        record(std::move(events), kind, name, kind == Kind::virtual_machine ? revision : 0);
        written(*now);
      });
}

void VmKeeper::set_finalizer(const PassPtr& pass, Object object, bool value) {
  object.finalizer = value;
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, object = std::move(object), limit = tools_.settings.call_limit] {
        return orchestrator.update(object, call_deadline(limit));
      },
      [this, weak = std::weak_ptr(alive_), pass, value](const Result<Object>& now) {
        if (weak.expired()) return;
        const bool gone = !now && now.error().code == Code::not_found;
        if (!now && !gone) return fail(pass, "a finalizer could not be written", now.error());
        // One without its finalizer may be gone already; the watch tells that.
        if (now && value) tools_.world.wrote(*now);
        value ? go_on(pass) : end(pass, WorkOutcome::success());
      });
}

void VmKeeper::record(std::vector<Event> events, Kind kind, const std::string& name, std::int64_t revision) {
  if (events.empty()) return;
  for (Event& event : events) {
    event.at = tools_.loop.wall();
    event.kind = kind;
    event.name = name;
    event.revision = revision;
  }
  tools_.loop.off_loop(
      [&orchestrator = tools_.orchestrator, events = std::move(events), limit = tools_.settings.call_limit] {
        Status status;
        for (const Event& event : events)
          if (auto recorded = orchestrator.record(event, call_deadline(limit)); !recorded) status = recorded;
        return status;
      },
      [name](const Status& status) {
        if (!status) runtime::log_warning("controller", "an event was lost", {{"of", name}, {"error", status.error().message}});
      });
}

}  // namespace neonvm::daemon
