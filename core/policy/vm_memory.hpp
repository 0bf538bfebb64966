// VmMemory<T>: what a policy remembers of each VM, bounded.
//
// Held by a policy. find() allocates only when it meets a VM; beyond `most` VMs the one not asked for the longest is
// forgotten. Threads: as ports/policy. Lifetime: a reference is good until the next call of at().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace neonvm::policy {

template <typename T>
class VmMemory {
 public:
  static constexpr std::size_t most = 1024;

  T& at(std::string_view vm) {
    const auto found = all_.find(vm);
    Entry& entry = found != all_.end() ? found->second : make(vm);
    entry.used = ++clock_;
    return entry.kept;
  }
  [[nodiscard]] std::size_t size() const { return all_.size(); }

 private:
  struct Entry {
    T kept{};
    std::uint64_t used = 0;
  };

  Entry& make(std::string_view vm) {
    if (all_.size() >= most) {
      auto oldest = all_.begin();
      for (auto it = all_.begin(); it != all_.end(); ++it) {
        if (it->second.used < oldest->second.used) oldest = it;
      }
      all_.erase(oldest);
    }
    return all_.emplace(std::piecewise_construct, std::forward_as_tuple(vm), std::forward_as_tuple()).first->second;
  }

  std::map<std::string, Entry, std::less<>> all_;
  std::uint64_t clock_ = 0;
};

}  // namespace neonvm::policy
