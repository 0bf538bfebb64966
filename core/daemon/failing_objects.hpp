// FailingObjects: whose passes have failed for a while, for a gauge that people are alarmed by.
//
// Owned by Controller. Loop thread only. Upstream's rules (reference: neonvm.md 2.9): an object counts once it has failed, or met
// conflicts, for `after` without a success in between; a failure forgives the conflicts before it. Ours is always tried again
// within seconds, so that there is no "not retried".
#pragma once

#include <map>
#include <string>

#include "core/model/instant.hpp"

namespace neonvm::daemon {

class FailingObjects {
 public:
  enum class Outcome { success, failure, conflict };

  explicit FailingObjects(Duration after = std::chrono::minutes(1)) : after_(after) {}

  void passed(const std::string& object, Outcome outcome, Instant now) {
    if (outcome == Outcome::success) return forget(object);
    if (outcome == Outcome::failure) conflicting_.erase(object);
    (outcome == Outcome::failure ? failing_ : conflicting_).try_emplace(object, now);
  }
  void forget(const std::string& object) {
    failing_.erase(object);
    conflicting_.erase(object);
  }
  // By "failure" and "conflict"; both are there.
  [[nodiscard]] std::map<std::string, std::size_t> count(Instant now) const {
    return {{"failure", among(failing_, now)}, {"conflict", among(conflicting_, now)}};
  }

 private:
  using Since = std::map<std::string, Instant>;
  [[nodiscard]] std::size_t among(const Since& all, Instant now) const {
    std::size_t count = 0;
    for (const auto& [object, since] : all) count += now - since >= after_ ? 1 : 0;
    return count;
  }

  Duration after_;
  Since failing_, conflicting_;
};

}  // namespace neonvm::daemon
