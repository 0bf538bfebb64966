#include "plugins/policy-pressure/cpu_wish.hpp"

#include <algorithm>

namespace neonvm::policy_pressure {
namespace {

using policy::Decimals;
using policy::in_seconds;
using policy::Line;

Decimals cpus(double amount) { return {amount, 2}; }

// Some air for what is busy. Not below what was asked for: a target above 1 does not exist.
double with_air(double demand, double target) { return std::min(demand / target, demand + 1); }

}  // namespace

Wish cpu_wish(const VmWatch& watch, Instant now, double have, const PressureOptions& options) {
  const auto demand = watch.cpu.now(now);
  if (!demand) return {false, have, "cpu.unknown", Line() << "no fresh sample tells the CPU in use"};
  const double wanted = with_air(*demand, options.cpu_target);
  if (wanted > have) {
    return {true, wanted, "cpu.demand", Line() << cpus(*demand) << " CPUs wanted now, with air " << cpus(wanted)
                                               << "; has " << cpus(have)};
  }
  if (!watch.cpu.covers(now, options.calm)) {
    return {true, have, "cpu.wait", Line() << cpus(*demand) << " CPUs wanted; not watched for "
                                           << in_seconds(options.calm) << " s yet (has " << cpus(have) << ")"};
  }
  const double peak = watch.cpu.peak(now, options.calm);
  const double enough = with_air(peak, options.cpu_target);
  Line text;
  text << cpus(peak) << " CPUs at the most in " << in_seconds(options.calm) << " s";
  if (enough >= have * (1 - options.step_down)) {
    return {true, have, "cpu.keep", text << ": worth keeping " << cpus(have)};
  }
  return {true, enough, "cpu.calm", text << ", with air " << cpus(enough)};
}

}  // namespace neonvm::policy_pressure
