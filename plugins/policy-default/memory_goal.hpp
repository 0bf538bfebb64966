// memory_goal: how many compute units the memory in use asks for, without and with the file cache that matters
// (autoscaling.md 2.2, Memory).
//
// Called by default_policy. Pure. REQUIRES fraction > 0, unit > 0, working_set finite and >= 0.
#pragma once

#include "core/model/resources.hpp"
#include "plugins/policy-default/rounding.hpp"

namespace neonvm::policy_default {

// Such that `used` is at most `fraction` of the memory.
inline double usage_units(Bytes used, double fraction, Bytes unit) {
  return rounded(static_cast<double>(used.value) / fraction) / static_cast<double>(unit.value);
}

// Such that `used` and the part of the page cache that holds the working set are at most `fraction` of the memory.
double total_units(Bytes used, Bytes cached, double working_set, double fraction, Bytes unit);

}  // namespace neonvm::policy_default
