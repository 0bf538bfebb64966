// Reasons: fills a Goal and uses the strings of its last life again; InPlacePolicy: a policy that decides so.
//
// Held by a policy. Once every text has been as long as it gets, a decision allocates nothing.
// Threads: as ports/policy.
#pragma once

#include <string_view>

#include "core/policy/line.hpp"
#include "core/ports/policy.hpp"

namespace neonvm::policy {

class Reasons {
 public:
  // Empties the goal: every field as in a new one, its texts kept aside.
  void begin(Goal& goal) {
    if (!goal.because.empty()) spare_.empty(goal);
    goal.wish = {};
    goal.complete = true;
    goal.compute_units = 0;
    goal.ask_again.reset();
  }
  void say(Goal& goal, std::string_view rule, std::string_view text) { spare_.add(goal, rule, text); }
  void say(Goal& goal, std::string_view rule, const Line& line) { say(goal, rule, line.text()); }
  // Appends all reasons of `from`.
  void pass_on(Goal& goal, const Goal& from);

 private:
  SpareReasons spare_;
};

class InPlacePolicy : public Policy {
 public:
  Result<Goal> decide(const PolicyInput& input) final {
    Goal goal;
    if (const Status status = decide_into(input, goal); !status) return status.error();
    return goal;
  }
  Status decide_into(const PolicyInput& input, Goal& goal) override = 0;
};

}  // namespace neonvm::policy
