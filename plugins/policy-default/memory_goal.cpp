#include "plugins/policy-default/memory_goal.hpp"

#include <algorithm>

namespace neonvm::policy_default {
namespace {

double as_double(Bytes bytes) { return static_cast<double>(bytes.value); }

}  // namespace

double total_units(Bytes used, Bytes cached, double working_set, double fraction, Bytes unit) {
  const double cache_that_matters = std::min(working_set, as_double(cached));
  return (cache_that_matters + as_double(used)) / fraction / as_double(unit);
}

}  // namespace neonvm::policy_default
