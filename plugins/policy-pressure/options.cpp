#include "plugins/policy-pressure/options.hpp"

#include "plugins/policy-pressure/track.hpp"

namespace neonvm::policy_pressure {

using namespace std::chrono_literals;

Result<PressureOptions> read_options(const policy::Settings& settings) {
  PressureOptions options;
  policy::OptionReader read(settings, "pressure");
  read.number("cpu-target", options.cpu_target, 0.05, 1);
  read.number("memory-target", options.memory_target, 0.05, 0.99);
  read.duration("calm", options.calm, 1s, 1h);
  read.number("step-down", options.step_down, 0, 0.99);
  read.number("cache-step", options.cache_step, 0, 1);
  read.count("turns", options.turns, 1, Turns::most);
  read.yes_or_no("coupled", options.coupled);
  if (Status status = read.done(); !status) return status.error();
  return options;
}

}  // namespace neonvm::policy_pressure
