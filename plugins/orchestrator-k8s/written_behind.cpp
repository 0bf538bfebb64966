#include "plugins/orchestrator-k8s/written_behind.hpp"

#include <algorithm>
#include <utility>

#include "plugins/orchestrator-k8s/backoff.hpp"

namespace neonvm::k8s {
namespace {

// Of one call; the owner's end waits for no longer than that.
constexpr Duration patience = std::chrono::seconds(5);

// A second try would be refused as well.
bool is_final(Code code) {
  return code == Code::not_found || code == Code::conflict || code == Code::invalid_argument || code == Code::permission_denied;
}

}  // namespace

WrittenBehind::~WrittenBehind() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  bell_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WrittenBehind::put(const std::string& key, ApiRequest patch, std::function<void(const std::string&)> warn, Duration after) {
  const std::lock_guard lock(mutex_);
  Instant due = now() + after;
  if (const auto open = open_.find(key); open != open_.end()) due = std::min(due, open->second.due);
  open_[key] = {std::move(patch), std::move(warn), due};
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  bell_.notify_all();
}

void WrittenBehind::drop(const std::string& key) {
  const std::lock_guard lock(mutex_);
  open_.erase(key);
}

std::map<std::string, WrittenBehind::Patch>::iterator WrittenBehind::next() {
  return std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) { return a.second.due < b.second.due; });
}

Status WrittenBehind::write(const Patch& patch) {
  const auto written = client_->call(patch.request, now() + patience);
  if (written || !is_final(written.error().code)) return written ? Status{} : written.error();
  const bool gone = written.error().code == Code::not_found || written.error().code == Code::conflict;
  if (!gone && patch.warn) patch.warn(written.error().message);
  return {};
}

void WrittenBehind::run() {
  Backoff backoff(static_cast<std::uint32_t>(now().time_since_epoch().count()));
  std::unique_lock lock(mutex_);
  while (true) {
    bell_.wait(lock, [this] { return stopped_ || !open_.empty(); });
    if (stopped_) return;
    const auto first = next();
    if (const Instant due = first->second.due; due > now()) {
      bell_.wait_until(lock, due);
      continue;
    }
    auto taken = open_.extract(first);
    lock.unlock();
    const Status written = write(taken.mapped());
    if (!written && backoff.failures() == 0 && taken.mapped().warn) taken.mapped().warn(written.error().message + "; trying again");
    lock.lock();
    if (written) {
      backoff.reset();
      continue;
    }
    // One that came meanwhile is newer.
    open_.insert(std::move(taken));
    bell_.wait_for(lock, backoff.next(), [this] { return stopped_; });
  }
}

}  // namespace neonvm::k8s
