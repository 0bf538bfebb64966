// StandInPolicy: wishes what the test says, for policies that build on another one.
#pragma once

#include "core/ports/policy.hpp"

namespace neonvm::test {

struct StandInAnswer {
  Resources wish;
  bool complete = true;
  std::string error;             // not empty: refused with this
};

class StandInPolicy final : public Policy {
 public:
  explicit StandInPolicy(const StandInAnswer& answer) : answer_(answer) {}

  Result<Goal> decide(const PolicyInput&) override {
    if (!answer_.error.empty()) return Error{Code::refused, answer_.error};
    Goal goal;
    goal.wish = answer_.wish;
    goal.complete = answer_.complete;
    goal.because.push_back({"stand-in", "as the test said"});
    return goal;
  }

 private:
  const StandInAnswer& answer_;
};

}  // namespace neonvm::test
