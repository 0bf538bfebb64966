// Laws: what must hold at every event of a simulated world, whatever goes wrong. Names as in faults.hpp.
//
// Used by the world with faults and by tests. Pure: each answers what is broken, or nothing.
#pragma once

#include <optional>
#include <string>

#include "core/decide/ledger.hpp"
#include "core/decide/scaling.hpp"

namespace neonvm::simulate {

struct BrokenLaw {
  std::string law, what;
};

// Of what next() said, before it is done.
std::optional<BrokenLaw> broken_by(const decide::Scaling& scaling, const decide::Actions& actions);
// Of a node: `there`: the sum of what its VMs have or are told to become, and of what is kept for arriving ones.
std::optional<BrokenLaw> broken_on(const decide::NodeTotals& books, const Resources& there);
// Of a VM: what it has, against its bounds.
std::optional<BrokenLaw> broken_bounds(const Resources& actual, const Resources& max);

}  // namespace neonvm::simulate
