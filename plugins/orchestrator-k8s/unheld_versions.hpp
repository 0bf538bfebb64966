// UnheldVersions: which versions of objects were read without our finalizer, the last thousands of them. Any thread.
//
// A patch that sets the finalizer has to know what it finds, and a door is told only what is wanted. One that was forgotten
// here costs two more requests.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_set>

#include "core/model/object.hpp"

namespace neonvm::k8s {

class UnheldVersions {
 public:
  void saw(const Object& object) {
    const bool has_finalizers = object.kind == Kind::virtual_machine || object.kind == Kind::migration || object.kind == Kind::ip_pool;
    if (!has_finalizers || object.finalizer) return;
    const std::lock_guard lock(mutex_);
    if (!versions_.insert(object.version).second) return;
    order_.push_back(object.version);
    if (order_.size() <= most) return;
    versions_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] bool contains(std::uint64_t version) const {
    const std::lock_guard lock(mutex_);
    return versions_.count(version) != 0;
  }

 private:
  static constexpr std::size_t most = 16384;
  mutable std::mutex mutex_;
  std::unordered_set<std::uint64_t> versions_;
  std::deque<std::uint64_t> order_;
};

}  // namespace neonvm::k8s
