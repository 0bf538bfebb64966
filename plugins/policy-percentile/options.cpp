#include "plugins/policy-percentile/options.hpp"

namespace neonvm::policy_percentile {

using namespace std::chrono_literals;

Result<PercentileOptions> read_options(const policy::Settings& settings) {
  PercentileOptions options;
  policy::OptionReader read(settings, "percentile");
  read.number("target", options.target, 0.01, 1);
  read.number("lower", options.lower, 0, 1);
  read.number("upper", options.upper, 0, 1);
  read.number("margin", options.margin, 0, 10);
  read.duration("half-life", options.half_life, 1min, 24h * 30);
  read.duration("memory-interval", options.memory_interval, 1min, 24h * 7);
  read.duration("warm-up", options.warm_up, 0s, 24h * 7);
  if (options.lower > options.target || options.target > options.upper) {
    read.refuse("lower, target, upper", "they must not fall, from 0 to 1, such as 0.5, 0.9, 0.95");
  }
  if (Status status = read.done(); !status) return status.error();
  return options;
}

}  // namespace neonvm::policy_percentile
