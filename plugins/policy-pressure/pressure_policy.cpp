#include "plugins/policy-pressure/pressure_policy.hpp"

#include <algorithm>
#include <cmath>

#include "core/policy/figures.hpp"
#include "plugins/policy-pressure/cpu_wish.hpp"
#include "plugins/policy-pressure/memory_wish.hpp"

namespace neonvm::policy_pressure {
namespace {

using policy::Figure;
using policy::in_mib;
using policy::in_seconds;
using policy::Line;

// Sizes that differ by less than this are one size: it keeps a noisy figure from moving a VM.
constexpr double cpu_step = 0.25;
constexpr double memory_step = 64.0 * static_cast<double>(mib);

// CPU or memory: what differs between them once there is a wish.
struct Side {
  double have, least, most, step;
  double shown;                   // divides amounts for people
  const char* unit;
  Turns& turns;
  const char *at_max, *at_min, *turned, *grew;  // rules
};

// From a wish to a size of the VM: whole steps, within the bounds, turning seldom. Says which limit bit.
class Settling {
 public:
  Settling(const PressureOptions& options, Instant now, policy::Reasons& reasons, Goal& goal)
      : options_(options), now_(now), reasons_(reasons), goal_(goal) {}

  double settle(const Wish& wish, Side side) {
    reasons_.say(goal_, wish.rule, wish.text);
    if (!wish.known) {
      goal_.complete = false;
      return side.have;
    }
    if (wish.amount == side.have) return side.have;
    const double stepped = std::ceil(wish.amount / side.step - 1e-9) * side.step;
    const double size = in_bounds(wish.amount > side.have ? stepped : std::min(stepped, side.have), side);
    if (size > side.have) {
      side.turns.grows(now_);
      return size;
    }
    return size < side.have ? shrink(size, side) : side.have;
  }

 private:
  static Figure show(double amount, const Side& side) { return {amount / side.shown, 4}; }

  double in_bounds(double size, const Side& side) {
    if (size > side.most) {
      reasons_.say(goal_, side.at_max, Line() << show(size, side) << side.unit << " wanted, at most "
                                              << show(side.most, side) << " allowed");
      return side.most;
    }
    if (size < side.least) {
      reasons_.say(goal_, side.at_min, Line() << show(size, side) << side.unit << " would do, at least "
                                              << show(side.least, side) << " promised");
      return side.least;
    }
    return size;
  }

  double shrink(double size, const Side& side) {
    if (side.turns.grew_within(now_, options_.calm)) {
      reasons_.say(goal_, side.grew, Line() << "grew within " << in_seconds(options_.calm) << " s: keeping "
                                            << show(side.have, side) << side.unit);
      return side.have;
    }
    if (!side.turns.may_shrink(now_, options_.turns)) {
      reasons_.say(goal_, side.turned, Line() << options_.turns << " shrinks after a grow within the hour: keeping "
                                              << show(side.have, side) << side.unit);
      return side.have;
    }
    return size;
  }

  const PressureOptions& options_;
  Instant now_;
  policy::Reasons& reasons_;
  Goal& goal_;
};

double as_double(Bytes b) { return static_cast<double>(b.value); }

}  // namespace

Result<std::unique_ptr<PressurePolicy>> PressurePolicy::open(const plugin::Options& options) {
  auto read = read_options(options.settings);
  if (!read) return read.error();
  return std::make_unique<PressurePolicy>(*read);
}

Status PressurePolicy::decide_into(const PolicyInput& input, Goal& goal) {
  reasons_.begin(goal);
  VmWatch& watch = watches_.at(input.vm);
  watch.take(input, options_);
  const Resources have = policy::in_bounds(input.using_now, input);
  const double cpus = have.cpu.cpus();
  const double memory = as_double(have.memory);
  Settling settling(options_, input.now, reasons_, goal);
  const Side cpu_side{cpus, input.min.cpu.cpus(), std::max(input.max.cpu, input.min.cpu).cpus(), cpu_step, 1, " CPUs",
                      watch.cpu_turns, "cpu.max", "cpu.min", "cpu.turns", "cpu.grew"};
  const Side memory_side{memory, as_double(input.min.memory), as_double(std::max(input.max.memory, input.min.memory)),
                         memory_step, static_cast<double>(mib), " MiB", watch.memory_turns, "memory.max", "memory.min",
                         "memory.turns", "memory.grew"};
  goal.wish.cpu = policy::milli_cpu(settling.settle(cpu_wish(watch, input.now, cpus, options_), cpu_side));
  goal.wish.memory = policy::bytes(settling.settle(memory_wish(watch, input, memory, options_), memory_side));
  if (options_.coupled) {
    goal.wish = policy::whole_units(goal.wish, input.compute_unit);
    reasons_.say(goal, "coupled", Line() << "in whole compute units: " << policy::units_of(goal.wish, input.compute_unit));
  }
  goal.wish = policy::settled(goal.wish, goal.complete, input);
  // Time passes without samples, too: a calm that has been long enough must be noticed.
  goal.ask_again = std::chrono::seconds(5);
  return {};
}

}  // namespace neonvm::policy_pressure
