// LiveMigration with disks: one step further each time that somebody asks how far it is.
#include <utility>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/live_migration.hpp"

namespace neonvm::qemu {

namespace {
constexpr Duration cutting = std::chrono::seconds(1);
}  // namespace

Status LiveMigration::begin_with_disks(const MigrationPlace& place, std::uint64_t bandwidth, Deadline deadline) {
  const std::lock_guard driving(driving_);
  if (auto opened = copies_.open(place, deadline); !opened) return opened;
  const Status begun = copies_.mirror(bandwidth, deadline);
  const std::lock_guard lock(mutex_);
  // Some may have begun: it is drive() that undoes them.
  if (!begun) given_up_ = begun.error().message;
  stage_ = CarryStage::copying;
  next_look_ = clock_now();
  return {};
}

Status LiveMigration::take_over(Deadline deadline) {
  if (!spec_.carries_disks) return {};
  const std::lock_guard driving(driving_);
  auto copies = copies_.look(deadline);
  if (!copies) return copies.error();
  auto body = monitor_.execute(plain("query-migrate"), deadline);
  if (!body) return body.error();
  auto info = read_migration(*body);
  if (!info) return info.error();
  const bool waits_for_us = info->status == "pre-switchover";
  if (!copies->any && !waits_for_us) return {};
  const MigrationState memory = migration_state_of(info->status);
  const std::lock_guard lock(mutex_);
  source_ = carrying_ = true;
  memory_begun_ = memory != MigrationState::none && !is_over(memory);
  stage_ = memory_begun_ ? CarryStage::mirrored : CarryStage::copying;
  given_up_ = "its runner ended while the VM's disks were copied";
  report_.state = MigrationState::active;
  begun_ = progressed_ = clock_now();
  disks_stall_ = stall_;
  next_look_ = begun_;
  return {};
}

CarryStage LiveMigration::stage() {
  const std::lock_guard lock(mutex_);
  return stage_;
}

void LiveMigration::enter(CarryStage stage) {
  const std::lock_guard lock(mutex_);
  stage_ = stage;
  next_look_ = clock_now();
}

// As if QEMU did it all.
std::string LiveMigration::status_with_disks(const std::string& status) const {
  if (!carrying_) return status;
  if (stage_ == CarryStage::copying) return "active";
  if (stage_ == CarryStage::undoing) return "cancelling";
  return memory_begun_ ? status : "cancelled";
}

Result<MigrationReport> LiveMigration::drive(Deadline deadline) {
  const std::unique_lock driving(driving_, std::try_to_lock);
  if (!driving) return last_known();
  auto copies = copies_.look(deadline);
  auto body = copies ? monitor_.execute(plain("query-migrate"), deadline) : copies.error();
  auto info = body ? read_migration(*body) : body.error();
  if (!info) {
    // A QEMU that waits for a disk of the target answers nobody.
    bool stuck = false;
    {
      const std::lock_guard lock(mutex_);
      stuck = info.error().code == Code::deadline_exceeded && clock_now() - progressed_ > disks_stall_;
    }
    if (stuck) copies_.disconnect(clock_now() + cutting);
    return info.error();
  }
  CarryDeed deed = CarryDeed::wait;
  std::optional<QmpCommand> command;
  MigrationReport now;
  {
    const std::lock_guard lock(mutex_);
    if (!memory_begun_) *info = {};
    note(*info, *copies);
    if (stage_ != CarryStage::undoing && stage_ != CarryStage::none && !cancel_asked_) {
      if (copies->failed && given_up_.empty()) given_up_ = copies->error;
      (void)judge(*info);
      command = post_copy(*info);
    }
    deed = next_deed({stage_, info->status, copies->ready, copies->ended, copies->some_ended, copies->failed,
                      cancel_asked_ || !given_up_.empty()});
    now = report_;
  }
  if (deed != CarryDeed::wait) perform(deed, deadline);
  else if (command) (void)monitor_.execute(*command, deadline);
  return now;
}

void LiveMigration::perform(CarryDeed deed, Deadline deadline) {
  switch (deed) {
    case CarryDeed::wait: return;
    case CarryDeed::send_memory: {
      const Status sent = send_memory(deadline);
      const std::lock_guard lock(mutex_);
      next_look_ = clock_now();
      // Not in time: it may have begun.
      memory_begun_ = sent || sent.error().code == Code::deadline_exceeded;
      if (memory_begun_) stage_ = CarryStage::mirrored;
      else given_up_ = sent.error().message;
      before_memory_ = *next_look_ - begun_;
      return;
    }
    case CarryDeed::end_copies:
      copies_.end(deadline);
      return enter(CarryStage::ending);
    case CarryDeed::go_on: {
      copies_.clear(deadline);
      // If it is refused, the migration is over already, and query-migrate tells.
      (void)monitor_.execute(continue_migration(), deadline);
      {
        const std::lock_guard lock(mutex_);
        disks_copied_ = disks_total_;
      }
      return enter(CarryStage::none);
    }
    case CarryDeed::undo: {
      // Before QEMU tells of it: it is over when the mirrors are gone, not when the memory's copy has ended.
      enter(CarryStage::undoing);
      bool begun = false;
      {
        const std::lock_guard lock(mutex_);
        begun = memory_begun_;
        if (given_up_.empty() && !cancel_asked_ && !begun) given_up_ = "the copy of a disk ended by itself";
      }
      copies_.cut(begun, deadline);
      return;
    }
    case CarryDeed::clear:
      copies_.clear(deadline);
      return enter(CarryStage::none);
  }
}

}  // namespace neonvm::qemu
