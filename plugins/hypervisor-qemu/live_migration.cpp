#include "plugins/hypervisor-qemu/live_migration.hpp"

#include <thread>
#include <utility>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/disk_commands.hpp"

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

LiveMigration::LiveMigration(Monitor& monitor, const Settings& settings, const MachineSpec& spec)
    : monitor_(monitor),
      spec_(spec),
      stall_(settings.migration_stall),
      downtime_ms_(settings.migration_downtime_ms),
      copies_(monitor, spec),
      next_look_(clock_now()),
      progressed_(clock_now()) {}

Status LiveMigration::listen(const MigrationPlace& place, Deadline deadline) {
  if (auto done = use_tls(place, true, deadline); !done) return done;
  // Only a side that can fault pages in over the network has it; without it a source that wants it is refused.
  (void)monitor_.execute(set_migration_capabilities({"postcopy-ram"}, {}), deadline);
  // late-block-activate: the disks are locked when the VM is told to run, not when the copy has come.
  auto set = monitor_.execute(set_migration_capabilities({"events", "return-path", "late-block-activate"}, {}), deadline);
  if (!set) return set.error();
  auto opened = monitor_.execute(migrate_incoming(stream_uri(place)), deadline);
  if (!opened) return opened.error();
  return {};
}

// The certificates are read anew each time: they are renewed while the VM runs.
Status LiveMigration::use_tls(const MigrationPlace& place, bool server, Deadline deadline) {
  if (place.tls()) {
    if (spec_.tls_dir.empty()) return Error{Code::invalid_argument, to_text(place) + " needs certificates: tlsDir is empty"};
    (void)monitor_.execute(drop_credentials(), deadline);
    auto made = monitor_.execute(make_credentials(spec_.tls_dir, server), deadline);
    if (!made) return made.error().at("certificates in " + spec_.tls_dir);
  }
  const bool only_peer = place.tls() && server && !spec_.tls_peer.empty();
  if (only_peer) {
    (void)monitor_.execute(drop_peer(), deadline);
    auto made = monitor_.execute(make_peer(spec_.tls_peer), deadline);
    if (!made) return made.error().at("tlsPeer " + spec_.tls_peer);
  }
  const std::string name = place.tls() && !server ? spec_.tls_name : "";
  auto set = monitor_.execute(set_migration_tls(place.tls() ? credentials_id : "", name, only_peer ? peer_id : ""), deadline);
  if (!set) return set.error();
  return {};
}

Status LiveMigration::configure(const MigrationSpec& limits, Deadline deadline) {
  std::vector<std::string> on{"events", "return-path", "auto-converge"}, off;
  (limits.allow_post_copy ? on : off).emplace_back("postcopy-ram");
  (spec_.carries_disks ? on : off).emplace_back("pause-before-switchover");
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
  stand_still_ = stand_still;
  stands_still_ = false;
  report_ = {MigrationState::setup, {}, ""};
  has_completed_ = false;
  report_.progress.step = step_of(MigrationState::setup);
  stage_ = CarryStage::none;
  carrying_ = spec_.carries_disks;
  memory_begun_ = cancel_asked_ = false;
  disks_total_ = disks_copied_ = Bytes{0};
  before_memory_ = Duration::zero();
  disks_stall_ = stall_;
  // What a mirror sends at once, and then waits for.
  if (limits.max_bandwidth > 0) {
    const std::uint64_t share = std::max<std::uint64_t>(limits.max_bandwidth / std::max<std::size_t>(spec_.disks.size(), 1), 1);
    disks_stall_ += from_seconds(static_cast<double>(mirror_buffer(share)) / static_cast<double>(share));
  }
  post_copy_allowed_ = limits.allow_post_copy;
  post_copy_asked_ = false;
  given_up_.clear();
  last_position_.clear();
  begun_ = progressed_ = clock_now();
  give_up_at_.reset();
  if (limits.timeout > Duration::zero()) give_up_at_ = progressed_ + limits.timeout;
  next_look_ = progressed_ + look_pace;
}

Status LiveMigration::begin(const MigrationPlace& place, const MigrationSpec& limits, bool stand_still,
                            Deadline deadline) {
  if (under_way()) return Error{Code::failed_precondition, "a migration is under way"};
  if (auto done = use_tls(place, false, deadline); !done) return done;
  if (auto done = configure(limits, deadline); !done) return done;
  uri_ = stream_uri(place);
  // Before the order: its first event may come before its answer.
  reset(limits, stand_still);
  const Status taken = spec_.carries_disks ? begin_with_disks(place, limits.max_bandwidth, deadline) : send_memory(deadline);
  bool go_on = false;
  {
    const std::lock_guard lock(mutex_);
    ordering_ = false;
    if (taken) return taken;
    if (taken.error().code == Code::deadline_exceeded) {
      // The memory may be on its way. Disks that were not reached in time are given up.
      if (carrying_) given_up_ = taken.error().message;
      return taken;
    }
    report_ = {};
    carrying_ = false;
    go_on = std::exchange(stands_still_, false);
    next_look_.reset();
  }
  if (go_on) (void)monitor_.execute(plain("cont"), deadline);
  return taken;
}

Status LiveMigration::send_memory(Deadline deadline) {
  std::vector<QmpCommand> orders{migrate(uri_)};
  {
    const std::lock_guard lock(mutex_);
    stands_still_ = stand_still_;
    if (stand_still_) orders.insert(orders.begin(), plain("stop"));
  }
  const auto taken = monitor_.execute_all(orders, deadline).back();
  if (!taken) return taken.error();
  return {};
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
    cancel_asked_ = true;
  }
  bool told = false;
  while (true) {
    // With disks it is drive() that undoes everything, until those are there.
    if (!told && stage() == CarryStage::none) {
      if (auto done = monitor_.execute(plain("migrate_cancel"), deadline); !done) return done.error();
      told = true;
    }
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
  if (stage() != CarryStage::none) return drive(deadline);
  auto body = monitor_.execute(plain("query-migrate"), deadline);
  if (!body) return body.error();
  auto info = read_migration(*body);
  if (!info) return info.error();
  std::optional<QmpCommand> command;
  MigrationReport now;
  {
    const std::lock_guard lock(mutex_);
    note(*info, {});
    command = what_to_do(*info);
    now = report_;
  }
  // Its failure shows in the next report.
  if (command) (void)monitor_.execute(*command, deadline);
  return now;
}

void LiveMigration::note(const MigrationInfo& info, const DiskCopies::State& disks) {
  if (ordering_) return;
  const Instant now = clock_now();
  Duration next_pace = look_pace;
  // A source from before we attached: only a source knows how much there is.
  if (info.total.value > 0) source_ = true;
  const std::string status = status_with_disks(info.status);
  const std::string position = status + " " + std::to_string(info.passes) + " " +
                               std::to_string(info.transferred.value) + " " + std::to_string(info.remaining.value) + " " +
                               disks.position;
  if (position != last_position_) progressed_ = now;
  last_position_ = position;
  MigrationState state = migration_state_of(status);
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
  std::string& step = report_.progress.step;
  step = step_of(report_.state);
  if (stands_still_ && report_.state == MigrationState::active) step = "copying, the VM stands still";
  if (status == "cancelling") step = "undoing: cancelling the copy";
  if (status.starts_with("postcopy")) step = "copying after the switch";
  if (stage_ == CarryStage::copying) step = "copying the disks";
  note_progress(info, disks, now);
  next_look_.reset();
  if (state != MigrationState::none && !is_over(state)) next_look_ = now + next_pace;
}

void LiveMigration::note_progress(const MigrationInfo& info, const DiskCopies::State& disks, Instant now) {
  MigrationProgress& progress = report_.progress;
  if (disks.any) {
    disks_total_ = disks.total;
    disks_copied_ = disks.copied;
  }
  if (info.total.value > 0 || disks.any) {
    progress.total = info.total + disks_total_;
    progress.remaining = info.remaining + (disks_total_ - disks_copied_);
    progress.transferred = info.transferred + disks_copied_;
    progress.dirty_rate = info.dirty_pages_rate * info.page_size;
  }
  progress.total_time = info.total_time + before_memory_;
  if (stage_ == CarryStage::copying) progress.total_time = now - begun_;
  // QEMU counts from its own stop, which finds the VM stopped.
  progress.downtime = stands_still_ && is_over(report_.state) ? info.total_time : info.downtime;
}

bool LiveMigration::judge(const MigrationInfo& info) {
  const Instant now = clock_now();
  // Cancelling in post-copy wedges QEMU, and the VM could not go back anyway.
  const bool can_be_undone = migration_state_of(info.status) != MigrationState::completed &&
                             !info.status.starts_with("postcopy") && info.status != "cancelling";
  if (!can_be_undone || !given_up_.empty()) return false;
  const Duration stall = stage_ == CarryStage::none ? stall_ : disks_stall_;
  if (now - progressed_ > stall) {
    given_up_ = "nothing was copied for " + std::to_string(static_cast<int>(seconds(stall))) +
                " s: the target does not read";
  } else if (give_up_at_ && now > *give_up_at_) {
    given_up_ = "it took longer than it was given";
  }
  return !given_up_.empty();
}

std::optional<QmpCommand> LiveMigration::post_copy(const MigrationInfo& info) {
  if (!post_copy_allowed_ || post_copy_asked_ || info.status != "active") return std::nullopt;
  if (info.passes < passes_before_post_copy) return std::nullopt;
  post_copy_asked_ = true;
  return plain("migrate-start-postcopy");
}

std::optional<QmpCommand> LiveMigration::what_to_do(const MigrationInfo& info) {
  if (report_.state == MigrationState::failed || report_.state == MigrationState::cancelled) {
    if (std::exchange(stands_still_, false)) return plain("cont");
  }
  if (!source_ || is_over(report_.state) || report_.state == MigrationState::none) return std::nullopt;
  if (judge(info)) return plain("migrate_cancel");
  return post_copy(info);
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
  const std::lock_guard lock(mutex_);
  // Of a mirror: it is ready, it ended.
  if (event.name != "MIGRATION" && event.name != "MIGRATION_PASS" && stage_ == CarryStage::none) return;
  // The event has the state alone; the rest is asked for, unless QEMU ends before it can answer.
  if (event.name == "MIGRATION" && !ordering_ && stage_ != CarryStage::undoing) {
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
