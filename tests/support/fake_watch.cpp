#include "tests/support/fake_watch.hpp"

#include <utility>

namespace neonvm::fakes {

FakeWatch::FakeWatch(FakeOrchestrator& owner, Kind kind)
    : owner_(owner), kind_(kind), break_round_(owner.break_round_), relist_round_(owner.relist_round_) {
  list_again();
}

void FakeWatch::list_again() {
  listed_.clear();
  std::map<std::string, Object> now;
  for (const auto& [key, object] : owner_.objects_) {
    if (key.first == kind_) now.emplace(object.uid, object);
  }
  for (const auto& [uid, object] : known_) {
    if (now.count(uid) != 0) continue;
    Object last = object;
    for (const auto& gone : owner_.gone_) {
      if (gone.last.uid == uid) last = gone.last;
    }
    listed_.push_back({ChangeKind::deleted, std::move(last)});
  }
  for (const auto& [uid, object] : now) {
    const auto before = known_.find(uid);
    if (before == known_.end()) {
      listed_.push_back({ChangeKind::added, object});
    } else if (before->second.version != object.version) {
      listed_.push_back({ChangeKind::changed, object});
    }
  }
  listed_.push_back({ChangeKind::synced, {}});
  known_ = std::move(now);
  place_ = owner_.version_;
}

std::optional<Change> FakeWatch::pull() {
  if (!listed_.empty()) {
    Change change = std::move(listed_.front());
    listed_.pop_front();
    return change;
  }
  return pull_newer();
}

std::optional<Change> FakeWatch::pull_newer() {
  for (;;) {
    const Object* live = nullptr;
    for (const auto& [key, object] : owner_.objects_) {
      if (key.first == kind_ && object.version > place_ && (live == nullptr || object.version < live->version)) {
        live = &object;
      }
    }
    const FakeOrchestrator::Gone* gone = nullptr;
    for (const auto& candidate : owner_.gone_) {
      if (candidate.last.kind == kind_ && candidate.version > place_) {
        gone = &candidate;
        break;
      }
    }
    if (gone != nullptr && (live == nullptr || gone->version < live->version)) {
      place_ = gone->version;
      if (known_.erase(gone->last.uid) == 0) continue;  // came and went unseen
      return Change{ChangeKind::deleted, gone->last};
    }
    if (live == nullptr) return std::nullopt;
    place_ = live->version;
    const bool is_new = known_.insert_or_assign(live->uid, *live).second;
    return Change{is_new ? ChangeKind::added : ChangeKind::changed, *live};
  }
}

Result<std::optional<Change>> FakeWatch::next(Deadline deadline) {
  std::unique_lock lock(owner_.mutex_);
  for (;;) {
    if (std::exchange(woken_, false)) return std::optional<Change>{};
    if (std::exchange(break_round_, owner_.break_round_) != owner_.break_round_) {
      list_again();
      return Error{Code::unavailable, "the watch broke (ordered by the test)"};
    }
    if (std::exchange(relist_round_, owner_.relist_round_) != owner_.relist_round_) list_again();
    if (auto change = pull()) return change;
    if (std::chrono::steady_clock::now() >= deadline) return std::optional<Change>{};
    owner_.changed_.wait_until(lock, deadline);
  }
}

void FakeWatch::wake() {
  const std::lock_guard lock(owner_.mutex_);
  woken_ = true;
  owner_.changed_.notify_all();
}

}  // namespace neonvm::fakes
