#include "plugins/orchestrator-local/local_watch.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::local {
namespace {

// A look into the store is short; a deadline that is over already must not fail it, or nothing would ever be seen by
// somebody who asks "anything now?".
Deadline for_a_look(Deadline deadline) {
  return std::max<Deadline>(deadline, std::chrono::steady_clock::now() + std::chrono::seconds(1));
}

}  // namespace

Result<std::unique_ptr<LocalWatch>> LocalWatch::open(std::shared_ptr<Store> store, Kind kind, Deadline deadline) {
  std::unique_ptr<LocalWatch> watch(new LocalWatch(std::move(store), kind));
  if (auto listed = watch->list_again(deadline); !listed) return listed.error();
  return watch;
}

Status LocalWatch::list_again(Deadline deadline) {
  auto snapshot = store_->snapshot(kind_, deadline);
  if (!snapshot) return snapshot.error();
  std::unordered_map<std::string, Known> now;
  for (const Object& object : snapshot->objects) now.emplace(object.uid, Known{object.name, object.version});
  if (auto queued = queue_vanished(now, deadline); !queued) return queued;
  for (Object& object : snapshot->objects) {
    const auto before = known_.find(object.uid);
    if (before == known_.end()) {
      queue_.push_back({ChangeKind::added, std::move(object)});
    } else if (before->second.version != object.version) {
      queue_.push_back({ChangeKind::changed, std::move(object)});
    }
  }
  queue_.push_back({ChangeKind::synced, {}});
  known_ = std::move(now);
  place_ = snapshot->revision;
  return {};
}

Status LocalWatch::queue_vanished(const std::unordered_map<std::string, Known>& now, Deadline deadline) {
  const bool any =
      std::any_of(known_.begin(), known_.end(), [&](const auto& one) { return now.count(one.first) == 0; });
  if (!any) return {};
  auto kept = store_->deletions(kind_, deadline);
  if (!kept) return kept.error();
  std::unordered_map<std::string, Object*> by_uid;
  for (Object& object : *kept) by_uid.emplace(object.uid, &object);
  for (const auto& [uid, known] : known_) {
    if (now.count(uid) != 0) continue;
    const auto last = by_uid.find(uid);
    Object object;
    if (last != by_uid.end()) object = std::move(*last->second);
    object.kind = kind_;
    object.uid = uid;
    object.name = known.name;
    object.version = std::max(object.version, known.version);
    queue_.push_back({ChangeKind::deleted, std::move(object)});
  }
  return {};
}

Status LocalWatch::pull(Deadline deadline) {
  auto news = store_->news(kind_, place_, deadline);
  if (!news) return news.error();
  if (news->lost) return list_again(deadline);
  for (Store::Entry& entry : news->entries) take(std::move(entry));
  return {};
}

void LocalWatch::take(Store::Entry entry) {
  Object& object = entry.row.object;
  place_ = object.version;
  if (entry.deleted) {
    // Not known: it came and went between two pulls.
    if (known_.erase(object.uid) != 0) queue_.push_back({ChangeKind::deleted, std::move(object)});
    return;
  }
  const bool is_new = known_.insert_or_assign(object.uid, Known{object.name, object.version}).second;
  queue_.push_back({is_new ? ChangeKind::added : ChangeKind::changed, std::move(object)});
}

Result<std::optional<Change>> LocalWatch::next(Deadline deadline) {
  const Bell::Topic topic = Bell::topic_of(kind_);
  for (;;) {
    const std::uint32_t round = store_->bell().round(topic);
    if (woken_.exchange(false)) return std::optional<Change>{};
    if (queue_.empty()) {
      if (auto pulled = pull(for_a_look(deadline)); !pulled) return pulled.error();
    }
    if (!queue_.empty()) {
      Change change = std::move(queue_.front());
      queue_.pop_front();
      return std::optional<Change>{std::move(change)};
    }
    if (std::chrono::steady_clock::now() >= deadline) return std::optional<Change>{};
    store_->bell().wait(topic, round, deadline);
  }
}

void LocalWatch::wake() {
  woken_ = true;
  store_->bell().ring(Bell::topic_of(kind_));
}

}  // namespace neonvm::local
