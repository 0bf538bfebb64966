// SampleRoom: room for the samples of one call of a policy, lent for as long as that takes.
//
// Used by both ends of the policy table. A policy is opened for each VM, and hundreds of windows that are read one after the other
// need no room of their own. Calls nest, a policy on a policy, so there may be several at a time; what was lent once is kept, with what its
// elements hold, so that after the first calls nothing is allocated. Threads: any.
#pragma once

#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace neonvm::plugin {

template <typename Sample>
class SampleRoom {
 public:
  SampleRoom() {
    Spare& spare = shared();
    const std::lock_guard lock(spare.mutex);
    if (spare.rooms.empty()) return;
    room_ = std::move(spare.rooms.back());
    spare.rooms.pop_back();
  }
  ~SampleRoom() {
    Spare& spare = shared();
    const std::lock_guard lock(spare.mutex);
    spare.rooms.push_back(std::move(room_));
  }
  SampleRoom(const SampleRoom&) = delete;
  SampleRoom& operator=(const SampleRoom&) = delete;

  std::span<Sample> of(std::size_t count) {
    if (room_.size() < count) room_.resize(count);
    return std::span(room_).first(count);
  }

 private:
  struct Spare {
    std::mutex mutex;
    std::vector<std::vector<Sample>> rooms;
  };
  static Spare& shared() {
    static Spare spare;
    return spare;
  }

  std::vector<Sample> room_;
};

}  // namespace neonvm::plugin
