#include "plugins/hypervisor-qemu/live_migration.hpp"

#include <thread>
#include <utility>

#include "plugins/hypervisor-qemu/clock.hpp"

namespace neonvm::qemu {

namespace {
// QEMU tells of every change of state, but not of how far the copy is.
constexpr Duration look_pace = std::chrono::milliseconds(100);
constexpr Duration figures_pace = std::chrono::milliseconds(5);
constexpr Duration figures_patience = std::chrono::seconds(1);
// After so many passes over the memory a guest that may be post-copied is.
constexpr std::uint64_t passes_before_post_copy = 3;

const char* step_of(MigrationState state) {
  switch (state) {
    case MigrationState::none: return "";
    case MigrationState::setup: return "preparing";
    case MigrationState::active: return "copying";
    case MigrationState::switching: return "switching over";
    case MigrationState::completed: return "completed";
    case MigrationState::failed: return "failed";
    case MigrationState::cancelled: return "cancelled";
  }
  return "";
}

bool same(const MigrationReport& a, const MigrationReport& b) {
  return a.state == b.state && a.why == b.why && a.progress.transferred == b.progress.transferred &&
         a.progress.remaining == b.progress.remaining;
}
}  // namespace

MigrationState migration_state_of(const std::string& status) {
  if (status.empty() || status == "none") return MigrationState::none;
  if (status == "setup") return MigrationState::setup;
  if (status == "device" || status == "pre-switchover") return MigrationState::switching;
  if (status == "completed") return MigrationState::completed;
  if (status == "failed") return MigrationState::failed;
  if (status == "cancelled") return MigrationState::cancelled;
  return MigrationState::active;  // active, postcopy-…, cancelling, wait-unplug
}

bool is_over(MigrationState state) {
  return state == MigrationState::completed || state == MigrationState::failed || state == MigrationState::cancelled;
}

LiveMigration::LiveMigration(Monitor& monitor, const Settings& settings)
    : monitor_(monitor),
      stall_(settings.migration_stall),
      downtime_ms_(settings.migration_downtime_ms),
      next_look_(clock_now()),
      progressed_(clock_now()) {}

Status LiveMigration::listen(const std::string& uri, Deadline deadline) {
  // Only a side that can fault pages in over the network has it; without it a source that wants it is refused.
  (void)monitor_.execute(set_migration_capabilities({"postcopy-ram"}, {}), deadline);
  // late-block-activate: the disks are locked when the VM is told to run, not when the copy has come.
  auto set = monitor_.execute(set_migration_capabilities({"events", "return-path", "late-block-activate"}, {}), deadline);
  if (!set) return set.error();
  auto opened = monitor_.execute(migrate_incoming(uri), deadline);
  if (!opened) return opened.error();
  return {};
}

Status LiveMigration::configure(const MigrationSpec& limits, Deadline deadline) {
  std::vector<std::string> on{"events", "return-path", "auto-converge"}, off;
  (limits.allow_post_copy ? on : off).emplace_back("postcopy-ram");
  const std::vector<QmpCommand> commands{set_migration_capabilities(on, off),
                                         set_migration_parameters({limits.max_bandwidth, downtime_ms_})};
  for (const auto& answer : monitor_.execute_all(commands, deadline)) {
    if (!answer) return answer.error();
  }
  return {};
}

void LiveMigration::reset(const MigrationSpec& limits, bool stand_still) {
  const std::lock_guard lock(mutex_);
  source_ = true;
  ordering_ = true;
  stands_still_ = stand_still;
  report_ = {MigrationState::setup, {}, ""};
  has_completed_ = false;
  report_.progress.step = step_of(MigrationState::setup);
  post_copy_allowed_ = limits.allow_post_copy;
  post_copy_asked_ = false;
  given_up_.clear();
  last_position_.clear();
  progressed_ = clock_now();
  give_up_at_.reset();
  if (limits.timeout > Duration::zero()) give_up_at_ = progressed_ + limits.timeout;
  next_look_ = progressed_ + look_pace;
}

Status LiveMigration::begin(const std::string& uri, const MigrationSpec& limits, bool stand_still, Deadline deadline) {
  if (under_way()) return Error{Code::failed_precondition, "a migration is under way"};
  if (auto done = configure(limits, deadline); !done) return done;
  // Before the order: its first event may come before its answer.
  reset(limits, stand_still);
  std::vector<QmpCommand> orders{migrate(uri)};
  if (stand_still) orders.insert(orders.begin(), plain("stop"));
  const auto taken = monitor_.execute_all(orders, deadline).back();
  {
    const std::lock_guard lock(mutex_);
    ordering_ = false;
    if (taken) return {};
    if (taken.error().code == Code::deadline_exceeded) return taken.error();
    report_ = {};
    stands_still_ = false;
    next_look_.reset();
  }
  if (stand_still) (void)monitor_.execute(plain("cont"), deadline);
  return taken.error();
}

Status LiveMigration::cancel(Deadline deadline) {
  auto now = report(deadline);
  if (!now) return now.error();
  {
    const std::lock_guard lock(mutex_);
    if (report_.state == MigrationState::completed) {
      return Error{Code::failed_precondition, "the migration has completed"};
    }
    if (post_copy_asked_) {
      return Error{Code::failed_precondition, "post-copy has begun: the VM's memory is on both sides and cannot go back"};
    }
    if (!source_ || is_over(report_.state) || report_.state == MigrationState::none) return {};
  }
  if (auto done = monitor_.execute(plain("migrate_cancel"), deadline); !done) return done.error();
  while (true) {
    now = report(deadline);
    if (!now) return now.error();
    if (now->state == MigrationState::completed) {
      return Error{Code::failed_precondition, "the migration completed before it could be cancelled"};
    }
    if (is_over(now->state)) return {};
    if (clock_now() >= deadline) return Error{Code::deadline_exceeded, "the migration is being cancelled"};
    // The event comes on another thread and may be lost with a connection; a few looks are simpler and sure.
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<MigrationReport> LiveMigration::report(Deadline deadline) {
  auto body = monitor_.execute(plain("query-migrate"), deadline);
  if (!body) return body.error();
  auto info = read_migration(*body);
  if (!info) return info.error();
  std::optional<QmpCommand> command;
  MigrationReport now;
  {
    const std::lock_guard lock(mutex_);
    note(*info);
    command = what_to_do(*info);
    now = report_;
  }
  // Its failure shows in the next report.
  if (command) (void)monitor_.execute(*command, deadline);
  return now;
}

void LiveMigration::note(const MigrationInfo& info) {
  if (ordering_) return;
  const Instant now = clock_now();
  Duration next_pace = look_pace;
  // A source from before we attached: only a source knows how much there is.
  if (info.total.value > 0) source_ = true;
  const std::string position = info.status + " " + std::to_string(info.passes) + " " +
                               std::to_string(info.transferred.value) + " " + std::to_string(info.remaining.value);
  if (position != last_position_) progressed_ = now;
  last_position_ = position;
  MigrationState state = migration_state_of(info.status);
  has_completed_ = state == MigrationState::completed;
  // QEMU says "completed" a moment before it has put down its figures and counts the VM as migrated away.
  const bool figures_missing = source_ && state == MigrationState::completed && info.total_time == Duration::zero();
  if (figures_missing && now - progressed_ < figures_patience) {
    state = MigrationState::switching;
    next_pace = figures_pace;
  }
  report_.state = state;
  report_.why = info.error;
  if (!given_up_.empty() && (state == MigrationState::cancelled || state == MigrationState::failed)) {
    report_.state = MigrationState::failed;
    report_.why = given_up_;
  }
  if (state == MigrationState::failed && report_.why.empty()) report_.why = "QEMU does not say why";
  MigrationProgress& progress = report_.progress;
  progress.step = step_of(report_.state);
  if (stands_still_ && report_.state == MigrationState::active) progress.step = "copying, the VM stands still";
  if (info.status == "cancelling") progress.step = "undoing: cancelling the copy";
  if (info.status.starts_with("postcopy")) progress.step = "copying after the switch";
  if (info.total.value > 0) {
    progress.total = info.total;
    progress.remaining = info.remaining;
    progress.transferred = info.transferred;
    progress.dirty_rate = info.dirty_pages_rate * info.page_size;
  }
  progress.total_time = info.total_time;
  // QEMU counts from its own stop, which finds the VM stopped.
  progress.downtime = stands_still_ && is_over(state) ? info.total_time : info.downtime;
  next_look_.reset();
  if (state != MigrationState::none && !is_over(state)) next_look_ = now + next_pace;
}

std::optional<QmpCommand> LiveMigration::what_to_do(const MigrationInfo& info) {
  if (report_.state == MigrationState::failed || report_.state == MigrationState::cancelled) {
    if (std::exchange(stands_still_, false)) return plain("cont");
  }
  if (!source_ || is_over(report_.state) || report_.state == MigrationState::none) return std::nullopt;
  const Instant now = clock_now();
  // Cancelling in post-copy wedges QEMU, and the VM could not go back anyway.
  const bool can_be_undone = migration_state_of(info.status) != MigrationState::completed &&
                             !info.status.starts_with("postcopy") && info.status != "cancelling";
  if (can_be_undone && given_up_.empty()) {
    if (now - progressed_ > stall_) {
      given_up_ = "nothing was copied for " + std::to_string(static_cast<int>(seconds(stall_))) +
                  " s: the target does not read";
    } else if (give_up_at_ && now > *give_up_at_) {
      given_up_ = "it took longer than it was given";
    }
    if (!given_up_.empty()) return plain("migrate_cancel");
  }
  if (post_copy_allowed_ && !post_copy_asked_ && info.status == "active" && info.passes >= passes_before_post_copy) {
    post_copy_asked_ = true;
    return plain("migrate-start-postcopy");
  }
  return std::nullopt;
}

bool LiveMigration::under_way() {
  const std::lock_guard lock(mutex_);
  return report_.state != MigrationState::none && !is_over(report_.state);
}

MigrationReport LiveMigration::last_known() {
  const std::lock_guard lock(mutex_);
  return report_;
}

bool LiveMigration::process_ended(const std::string& why) {
  const std::lock_guard lock(mutex_);
  next_look_.reset();
  if (report_.state == MigrationState::none || (report_.state == told_.state && is_over(report_.state))) return false;
  if (!is_over(report_.state)) report_.state = has_completed_ ? MigrationState::completed : MigrationState::failed;
  if (report_.state == MigrationState::failed && report_.why.empty()) report_.why = why;
  report_.progress.step = step_of(report_.state);
  told_ = report_;
  return true;
}

void LiveMigration::on_event(const QmpEvent& event) {
  if (event.name != "MIGRATION" && event.name != "MIGRATION_PASS") return;
  const std::lock_guard lock(mutex_);
  // The event has the state alone; the rest is asked for, unless QEMU ends before it can answer.
  if (event.name == "MIGRATION" && !ordering_) {
    report_.state = migration_state_of(member(event, "status"));
    has_completed_ = report_.state == MigrationState::completed;
    if (source_ && has_completed_) report_.state = MigrationState::switching;
    report_.progress.step = step_of(report_.state);
  }
  next_look_ = clock_now();
}

std::optional<Instant> LiveMigration::next_look() {
  const std::lock_guard lock(mutex_);
  return next_look_;
}

std::optional<MachineEvent> LiveMigration::look(Deadline deadline) {
  auto now = report(deadline);
  const std::lock_guard lock(mutex_);
  if (!now) {
    // QEMU does not answer: not at once again.
    if (next_look_) next_look_ = clock_now() + look_pace;
    return std::nullopt;
  }
  if (same(*now, told_)) return std::nullopt;
  told_ = *now;
  return MachineEvent{MachineEventKind::migration, {}, *now, now->why};
}

}  // namespace neonvm::qemu
