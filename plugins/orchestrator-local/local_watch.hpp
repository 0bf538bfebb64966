// LocalWatch: a watch on the store. It keeps its place (a revision) and pulls what is newer when the bell rings.
//
// Threads: next() on one at a time, wake() on any. An error leaves its place as it was, so that the next call goes on.
// A watch that fell so far behind that deletions after its place are forgotten lists again and says synced again; of an
// object that ended meanwhile it then delivers the last state that is still kept, at least its name and uid.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {

class LocalWatch final : public Watch {
 public:
  static Result<std::unique_ptr<LocalWatch>> open(std::shared_ptr<Store> store, Kind kind, Deadline deadline);
  Result<std::optional<Change>> next(Deadline deadline) override;
  void wake() override;

 private:
  struct Known {
    std::string name;
    std::uint64_t version = 0;
  };

  LocalWatch(std::shared_ptr<Store> store, Kind kind) : store_(std::move(store)), kind_(kind) {}
  Status list_again(Deadline deadline);
  Status queue_vanished(const std::unordered_map<std::string, Known>& now, Deadline deadline);
  Status pull(Deadline deadline);
  void take(Store::Entry entry);

  const std::shared_ptr<Store> store_;
  const Kind kind_;
  std::deque<Change> queue_;
  std::unordered_map<std::string, Known> known_;  // uid -> as queued last
  std::uint64_t place_ = 0;
  std::atomic<bool> woken_{false};
};

}  // namespace neonvm::local
