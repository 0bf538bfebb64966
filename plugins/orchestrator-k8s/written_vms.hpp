// WrittenVms: the server's last words on the few VMs that were written last, for a start that follows. Any thread.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace neonvm::k8s {

class WrittenVms {
 public:
  void put(const std::string& uid, std::string text) {
    const std::lock_guard lock(mutex_);
    std::erase_if(texts_, [&uid](const auto& each) { return each.first == uid; });
    texts_.emplace_back(uid, std::move(text));
    if (texts_.size() > most) texts_.pop_front();
  }
  // Once: what is asked for again is worth reading again.
  std::optional<std::string> take(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    for (auto each = texts_.begin(); each != texts_.end(); ++each) {
      if (each->first != uid) continue;
      std::optional<std::string> text = std::move(each->second);
      texts_.erase(each);
      return text;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t most = 64;
  std::mutex mutex_;
  std::deque<std::pair<std::string, std::string>> texts_;  // by uid, oldest first
};

}  // namespace neonvm::k8s
