#include "core/policy/reasons.hpp"

namespace neonvm::policy {

void Reasons::pass_on(Goal& goal, const Goal& from) {
  for (const Because& because : from.because) say(goal, because.rule, because.text);
}

}  // namespace neonvm::policy
