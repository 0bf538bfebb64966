// Shortening: of a world that breaks a law with many faults, a small one that still breaks it with few, to be looked at.
//
// Used by cli/simulate and tests. Delta debugging: ddmin of Zeller and Hildebrandt (IEEE TSE 28, 2002) over the VMs that are
// there, then over kinds of faults, over what they hit, and over single faults, until none can be left out. What came after
// the break goes without a run, each time anew. A world without most of its VMs runs faster, and less in it moves when a
// fault is left out: hence VMs first. What did not break is remembered and not run twice.
// Threads: calls `breaks` one at a time. It cannot fail: stopped early it has the best so far.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "core/simulate/faults.hpp"

namespace neonvm::simulate {

struct Trial {
  std::vector<Fault> faults;       // in the order of time
  std::vector<std::size_t> vms;    // that there are, ascending
  double until = 0;                // trace second at which to give up
};

// Trace second at which this world breaks the law; none: it does not.
using BreakingCall = std::function<std::optional<double>(const Trial&)>;
// Asked before every run, with the best so far; false: that is enough.
using GoOnCall = std::function<bool(const Trial& best, std::size_t runs)>;

struct Shortened {
  Trial trial;
  std::size_t runs = 0;
  bool minimal = false;            // left out alone, every fault is missed
};

// `whole` breaks the law at `broken_at`, by VM `broken_by`.
Shortened shortened(const Trial& whole, double broken_at, std::size_t broken_by, const BreakingCall& breaks, const GoOnCall& go_on = {},
                    std::size_t most_runs = 20'000);

// The plan without the VMs that are not in `vms`; indexes stay.
ClusterPlan only(ClusterPlan plan, const std::vector<std::size_t>& vms);

}  // namespace neonvm::simulate
