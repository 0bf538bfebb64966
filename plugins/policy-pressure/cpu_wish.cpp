#include "plugins/policy-pressure/cpu_wish.hpp"

namespace neonvm::policy_pressure {
namespace {

using policy::Decimals;
using policy::in_seconds;
using policy::Line;

Decimals cpus(double amount) { return {amount, 2}; }

}  // namespace

Wish cpu_wish(const VmWatch& watch, Instant now, double have, const PressureOptions& options) {
  const auto wanted = watch.cpu.now(now);
  if (!wanted) return {false, have, "cpu.unknown", Line() << "no fresh sample tells the CPU in use"};
  if (*wanted > have) {
    return {true, *wanted, "cpu.demand", Line() << cpus(*wanted) << " CPUs wanted now; has " << cpus(have)};
  }
  if (!watch.cpu.covers(now, options.calm)) {
    return {true, have, "cpu.wait", Line() << cpus(*wanted) << " CPUs wanted; not watched for "
                                           << in_seconds(options.calm) << " s yet (has " << cpus(have) << ")"};
  }
  const double enough = watch.cpu.peak(now, options.calm);
  Line text;
  text << cpus(enough) << " CPUs at the most in " << in_seconds(options.calm) << " s";
  if (enough >= have * (1 - options.step_down)) {
    return {true, have, "cpu.keep", text << ": worth keeping " << cpus(have)};
  }
  return {true, enough, "cpu.calm", text};
}

}  // namespace neonvm::policy_pressure
