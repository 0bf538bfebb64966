// Rule: when, and which sizes. Text: "[DAYS] HH:MM-HH:MM [cpus=RANGE] [memory=RANGE]", a RANGE being N, N.., ..N or N..M.
//
//   mon-fri 08:00-18:00 cpus=4..
//   sat+sun 00:00-24:00 cpus=..1 memory=..2Gi
//   22:00-06:00 memory=1Gi
#pragma once

#include <optional>
#include <string>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "plugins/policy-schedule/calendar.hpp"

namespace neonvm::policy_schedule {

struct Rule {
  std::string name;
  Span span;
  std::optional<MilliCpu> least_cpu, most_cpu;
  std::optional<Bytes> least_memory, most_memory;
};

// Failure: invalid_argument that quotes the part and says what may stand there.
Result<Rule> parse_rule(const std::string& name, const std::string& text);

}  // namespace neonvm::policy_schedule
