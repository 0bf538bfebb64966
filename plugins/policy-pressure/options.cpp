#include "plugins/policy-pressure/options.hpp"

#include <charconv>

namespace neonvm::policy_pressure {

namespace {

struct Limit {
  double least, most;
};

Result<double> number(const std::string& key, const std::string& text, Limit limit) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || !(value >= limit.least && value <= limit.most)) {
    return Error{Code::invalid_argument, key + ": \"" + text + "\" must be a number from " + std::to_string(limit.least) +
                                             " to " + std::to_string(limit.most)};
  }
  return value;
}

}  // namespace

Result<PressureOptions> read_options(const std::map<std::string, std::string>& settings) {
  PressureOptions options;
  for (const auto& [key, text] : settings) {
    double calm = seconds(options.calm);
    double* field = nullptr;
    Limit limit{0, 0};
    if (key == "cpu-target") field = &options.cpu_target, limit = {0.05, 1};
    else if (key == "memory-target") field = &options.memory_target, limit = {0.05, 0.99};
    else if (key == "step-down") field = &options.step_down, limit = {0, 0.99};
    else if (key == "calm") field = &calm, limit = {1, 3600};
    if (!field) {
      return Error{Code::invalid_argument,
                   "\"" + key + "\" is none of cpu-target, memory-target, calm, step-down"};
    }
    auto value = number(key, text, limit);
    if (!value) return value.error();
    *field = *value;
    options.calm = from_seconds(calm);
  }
  return options;
}

}  // namespace neonvm::policy_pressure
