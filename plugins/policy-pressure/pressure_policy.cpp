#include "plugins/policy-pressure/pressure_policy.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "plugins/policy-pressure/cpu_wish.hpp"
#include "plugins/policy-pressure/memory_wish.hpp"

namespace neonvm::policy_pressure {

namespace {

// Sizes that differ by less than this are one size: it keeps a noisy figure from moving a VM.
constexpr double cpu_step = 0.25;
constexpr double memory_step = 64.0 * static_cast<double>(mib);

double up_to(double value, double step) { return std::ceil(value / step - 1e-9) * step; }

}  // namespace

Result<std::unique_ptr<PressurePolicy>> PressurePolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  return std::make_unique<PressurePolicy>(*read);
}

Result<Goal> PressurePolicy::decide(const PolicyInput& input) {
  const Wish cpu = cpu_wish(input, options_);
  const Wish memory = memory_wish(input, options_);
  Goal goal;
  goal.complete = cpu.known && memory.known;
  const double cpus = cpu.known && cpu.amount != input.using_now.cpu.cpus() ? up_to(cpu.amount, cpu_step) : input.using_now.cpu.cpus();
  const double have = static_cast<double>(input.using_now.memory.value);
  const double bytes = memory.known && memory.amount != have ? up_to(memory.amount, memory_step) : have;
  constexpr double most_milli = std::numeric_limits<std::uint32_t>::max();
  goal.wish.cpu = MilliCpu{static_cast<std::uint32_t>(std::min(std::round(cpus * 1000), most_milli))};
  goal.wish.memory = Bytes{static_cast<std::uint64_t>(std::min(bytes, 1e18))};
  goal.because = {{cpu.rule, cpu.text}, {memory.rule, memory.text}};
  // The window moves on without samples, too: a calm that has been long enough must be noticed.
  goal.ask_again = std::chrono::seconds(5);
  return goal;
}

}  // namespace neonvm::policy_pressure
