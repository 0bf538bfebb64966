#include "plugins/orchestrator-k8s/runner_lists.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::k8s {

Result<std::vector<Object>> RunnerLists::of(const std::string& vm, Deadline deadline, const List& list) {
  std::unique_lock lock(mutex_);
  if (!next_) next_ = std::make_shared<Round>();
  const auto round = next_;
  round->vms.insert(vm);
  round->latest = std::max(round->latest, deadline);
  // Who has waited long for the list before has little time left, and a list that is cut short is nobody's.
  if (!changed_.wait_until(lock, deadline, [&] { return round->answer || (!listing_ && deadline >= round->latest); }))
    return Error{Code::deadline_exceeded, "list Runner: no answer in time, while waiting for another list to end"};
  if (!round->answer) {
    listing_ = true;
    next_.reset();
    lock.unlock();
    auto answer = list(round->vms);
    lock.lock();
    listing_ = false;
    round->answer = std::move(answer);
    changed_.notify_all();
  }
  return *round->answer;
}

std::size_t RunnerLists::waiting() const {
  const std::lock_guard lock(mutex_);
  return next_ ? next_->vms.size() : 0;
}

}  // namespace neonvm::k8s
