#include "plugins/orchestrator-k8s/watch_state.hpp"

#include <algorithm>
#include <vector>

namespace neonvm::k8s {

void WatchState::begin_list() { listed_.clear(); }

void WatchState::listed(Object object) {
  listed_.insert(object.uid);
  put(std::move(object));
}

void WatchState::listed_unreadable(const Unreadable& unreadable) { listed_.insert(unreadable.uid); }

void WatchState::end_list(std::uint64_t version) {
  std::vector<std::string> vanished;
  for (const auto& [name, known] : known_) {
    if (listed_.count(known.uid) == 0) vanished.push_back(name);
  }
  for (const std::string& name : vanished) forget(known_.find(name));
  listed_.clear();
  must_list_ = false;
  place_ = version;
  queue_.push_back({ChangeKind::synced, {}});
}

// Its last state is not kept here: ten thousand VMs would be held twice.
void WatchState::forget(Places::iterator found) {
  Object last;
  last.kind = kind_;
  last.ns = found->second.ns;
  last.name = found->first;
  last.uid = found->second.uid;
  last.owner_uid = found->second.owner_uid;
  last.version = found->second.version;
  known_.erase(found);
  queue_.push_back({ChangeKind::deleted, std::move(last)});
}

void WatchState::put(Object object) {
  auto before = known_.find(object.name);
  if (before != known_.end() && before->second.uid != object.uid) {
    forget(before);
    before = known_.end();
  }
  if (before != known_.end() && before->second.version >= object.version) return;
  const ChangeKind kind = before == known_.end() ? ChangeKind::added : ChangeKind::changed;
  known_[object.name] = {object.ns, object.uid, object.owner_uid, object.version};
  queue_.push_back({kind, std::move(object)});
}

void WatchState::move_to(std::uint64_t version) { place_ = std::max(place_, version); }

void WatchState::saw(EventType type, Object object) {
  if (object.version <= place_) return;
  move_to(object.version);
  if (type != EventType::deleted) return put(std::move(object));
  const auto known = known_.find(object.name);
  if (known == known_.end() || known->second.uid != object.uid) return;
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
