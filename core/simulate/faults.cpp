#include "core/simulate/faults.hpp"

#include <algorithm>
#include <cstdio>

#include "core/simulate/random.hpp"

namespace neonvm::simulate {
namespace {

constexpr const char* names[] = {"agent crash", "scheduler crash", "guest away", "partition",  "loss",
                                 "silence",     "doubling",        "slow store", "refusal", "clock jump"};
constexpr std::size_t kinds = std::size(names);

}  // namespace

const char* to_string(FaultKind kind) { return names[static_cast<std::size_t>(kind)]; }

std::string to_string(const Fault& fault) {
  char text[160];
  const bool on_node = fault.kind == FaultKind::scheduler_crash;
  std::snprintf(text, sizeof text, "%.3f s: %s of %s %zu for %.1f s, strength %.2f", fault.at, to_string(fault.kind),
                on_node ? "node" : "VM", fault.target, fault.lasts, fault.strength);
  return text;
}

std::vector<Fault> draw_faults(std::uint64_t seed, std::size_t vms, std::size_t nodes, double end, double every) {
  Random random(seed);
  std::vector<Fault> faults;
  if (vms == 0 || nodes == 0) return faults;
  const double mean = every / static_cast<double>(vms);
  for (double at = random.exponential(mean); at < end; at += random.exponential(mean)) {
    Fault fault;
    fault.at = at;
    fault.kind = static_cast<FaultKind>(random.below(kinds));
    fault.target = random.below(fault.kind == FaultKind::scheduler_crash ? nodes : vms);
    fault.lasts = random.chance(0.2) ? random.between(60, 300) : random.between(1, 40);
    fault.strength = random.chance(0.3) ? 1 : random.between(0.1, 0.9);
    faults.push_back(fault);
  }
  return faults;
}

std::vector<Fault> shortened(std::vector<Fault> faults, const std::function<bool(const std::vector<Fault>&)>& breaks,
                             std::size_t most_runs) {
  std::size_t runs = 0;
  const auto still = [&](const std::vector<Fault>& some) { return runs++ < most_runs && breaks(some); };
  const auto beginning_of = [&](std::size_t count) {
    return std::vector<Fault>(faults.begin(), faults.begin() + static_cast<std::ptrdiff_t>(count));
  };
  // Faults after the break change nothing before it, so beginnings can be halved.
  std::size_t low = 0, high = faults.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (still(beginning_of(middle))) high = middle;
    else low = middle + 1;
  }
  if (high < faults.size()) faults = beginning_of(high);
  for (std::size_t chunk = std::max<std::size_t>(1, faults.size() / 2); chunk > 0; chunk /= 2) {
    for (std::size_t i = 0; i < faults.size() && runs < most_runs;) {
      std::vector<Fault> fewer = faults;
      const std::size_t end = std::min(i + chunk, fewer.size());
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i), fewer.begin() + static_cast<std::ptrdiff_t>(end));
      if (still(fewer)) faults = std::move(fewer);
      else i += chunk;
    }
  }
  return faults;
}

}  // namespace neonvm::simulate
