#include "plugins/orchestrator-k8s/watch_state.hpp"

#include <algorithm>

namespace neonvm::k8s {

void WatchState::begin_list() { listed_.clear(); }

void WatchState::listed(Object object) {
  listed_.insert(object.uid);
  put(std::move(object));
}

void WatchState::listed_unreadable(const Unreadable& unreadable) { listed_.insert(unreadable.uid); }

void WatchState::end_list(std::uint64_t version) {
  std::vector<std::string> vanished;
  for (const auto& [uid, known] : known_) {
    if (listed_.count(uid) == 0) vanished.push_back(uid);
  }
  // In the order of their names, so that the same list tells the same story.
  std::sort(vanished.begin(), vanished.end(), [this](const auto& a, const auto& b) { return known_[a].name < known_[b].name; });
  for (const std::string& uid : vanished) forget(uid);
  listed_.clear();
  must_list_ = false;
  place_ = version;
  queue_.push_back({ChangeKind::synced, {}});
}

// Its last state is not kept here: ten thousand VMs would be held twice.
void WatchState::forget(const std::string& uid) {
  const auto found = known_.find(uid);
  Object last;
  last.kind = kind_;
  last.ns = found->second.ns;
  last.name = found->second.name;
  last.uid = uid;
  last.owner_uid = found->second.owner_uid;
  last.version = found->second.version;
  uid_of_.erase(last.name);
  known_.erase(found);
  queue_.push_back({ChangeKind::deleted, std::move(last)});
}

void WatchState::put(Object object) {
  const auto same_name = uid_of_.find(object.name);
  if (same_name != uid_of_.end() && same_name->second != object.uid) forget(std::string(same_name->second));
  const auto before = known_.find(object.uid);
  if (before != known_.end() && before->second.version >= object.version) return;
  const ChangeKind kind = before == known_.end() ? ChangeKind::added : ChangeKind::changed;
  known_[object.uid] = {object.ns, object.name, object.owner_uid, object.version};
  uid_of_[object.name] = object.uid;
  queue_.push_back({kind, std::move(object)});
}

void WatchState::move_to(std::uint64_t version) { place_ = std::max(place_, version); }

void WatchState::saw(EventType type, Object object) {
  if (object.version <= place_) return;
  move_to(object.version);
  if (type != EventType::deleted) return put(std::move(object));
  const auto known = known_.find(object.uid);
  if (known == known_.end()) return;
  uid_of_.erase(known->second.name);
  known_.erase(known);
  queue_.push_back({ChangeKind::deleted, std::move(object)});
}

std::optional<Change> WatchState::take() {
  if (queue_.empty()) return std::nullopt;
  Change change = std::move(queue_.front());
  queue_.pop_front();
  return change;
}

}  // namespace neonvm::k8s
