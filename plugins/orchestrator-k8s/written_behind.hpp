// WrittenBehind: small patches that nobody waits for, written by a thread of its own: what other software reads of an object.
//
// put(), drop(): any thread, never block on the server. Of two patches under one key that are both not written yet the later one counts, at
// the time that was the earlier one's: what changes all the time is written all the same. Ends with its owner, and what is not written then is
// lost: whoever writes next sees the difference. Failure: what is gone is forgotten; everything else is tried again, 100 ms doubling
// to 5 s, told once.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/model/instant.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"

namespace neonvm::k8s {

class WrittenBehind {
 public:
  explicit WrittenBehind(std::shared_ptr<ApiClient> client) : client_(std::move(client)) {}
  ~WrittenBehind();
  WrittenBehind(const WrittenBehind&) = delete;
  WrittenBehind& operator=(const WrittenBehind&) = delete;

  // warn: where a failure is told; may be null. after: not before.
  void put(const std::string& key, ApiRequest patch, std::function<void(const std::string&)> warn, Duration after = Duration::zero());
  // Not needed any more, if it is not written yet.
  void drop(const std::string& key);

 private:
  struct Patch {
    ApiRequest request;
    std::function<void(const std::string&)> warn;
    Instant due;
  };
  void run();
  std::map<std::string, Patch>::iterator next();
  Status write(const Patch& patch);

  const std::shared_ptr<ApiClient> client_;
  std::mutex mutex_;
  std::condition_variable bell_;
  std::map<std::string, Patch> open_;
  bool stopped_ = false;
  std::thread thread_;             // begins with the first patch
};

}  // namespace neonvm::k8s
