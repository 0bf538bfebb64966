#include "core/policy/reasons.hpp"

namespace neonvm::policy {

void Reasons::begin(Goal& goal) {
  spare_.empty(goal);
  goal.wish = {};
  goal.complete = true;
  goal.compute_units = 0;
  goal.ask_again.reset();
}

void Reasons::pass_on(Goal& goal, const Goal& from) {
  for (const Because& because : from.because) say(goal, because.rule, because.text);
}

}  // namespace neonvm::policy
