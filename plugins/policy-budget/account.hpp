// Account: what one VM has used of its CU-hours in this period, and what it may have now.
//
// A size counts by the field that fills more compute units. The least size is always left for the rest of the period; what
// remains beyond that may be spent, but no faster than a size can be kept for `hold`. So, asked at least every `hold` and
// followed, a VM never uses more than its budget, unless its least size alone does.
//
// Kept per VM by the policy. Periods begin at multiples of their length since 1970-01-01 00:00 UTC, or, where the time of
// day is not known, of the monotonic clock. An account that begins within a period has its share of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/ports/policy.hpp"

namespace neonvm::policy_budget {

struct BudgetOptions {
  double cu_hours = 0;                           // a period
  Duration period = std::chrono::hours(24);
  Duration hold = std::chrono::minutes(5);
  std::string of = "pressure";
  std::map<std::string, std::string> of_settings;
};

struct Balance {
  double used = 0, allowed = 0;                  // CU-hours of this period
  Duration left{};                               // of the period
  double most_units = 0;                         // what the VM may have now
  bool too_small = false;                        // the least size alone uses more than what is left
};

class Account {
 public:
  // Books the time since the last call with the larger of the sizes then and now. REQUIRES a compute unit without zeros.
  Balance book(const PolicyInput& input, const BudgetOptions& options);

 private:
  bool any_ = false;
  Instant last_{};
  double last_units_ = 0;
  std::int64_t period_ = 0;
  double used_ = 0, allowed_ = 0;
};

}  // namespace neonvm::policy_budget
