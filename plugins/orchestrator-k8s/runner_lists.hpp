// RunnerLists: one list of runners for all who ask for some VM's at the same time.
//
// A server that is asked for the pods with a label reads all that it has: with 8,000 VMs one such list takes a second and more of its
// time, and a control plane whose VMs failed together asks for a hundred. So one list is under way at a time; whoever asks meanwhile is
// answered by the next, which is for all of them. Threads: any; calls block. Law: what is answered was stored at a moment after the
// question came. Failure: a list that fails fails for all whom it was for; whoever waits longer than to the deadline is told so.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

class RunnerLists {
 public:
  // Called on the thread of the one of those who ask that may wait longest, never twice at once.
  using List = std::function<Result<std::vector<Object>>(const std::set<std::string>& vms)>;

  // Runners of this VM, and of others for whom somebody asked. As many VMs are asked for at once as threads wait here.
  Result<std::vector<Object>> of(const std::string& vm, Deadline deadline, const List& list);
  // VMs that the next list will be for.
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Round {
    std::set<std::string> vms;
    Deadline latest{};  // of those who wait for it
    std::optional<Result<std::vector<Object>>> answer;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool listing_ = false;
  std::shared_ptr<Round> next_;  // has not begun
};

}  // namespace neonvm::k8s
