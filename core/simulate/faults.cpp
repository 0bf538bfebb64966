#include "core/simulate/faults.hpp"

#include <cstdio>
#include <iterator>

#include "core/simulate/random.hpp"

namespace neonvm::simulate {
namespace {

constexpr const char* names[] = {"agent crash", "scheduler crash", "guest away", "partition",  "loss",
                                 "silence",     "doubling",        "slow store", "refusal", "clock jump"};
constexpr std::size_t kinds = std::size(names);

bool on_node(const Fault& fault) { return fault.kind == FaultKind::scheduler_crash; }

}  // namespace

const char* to_string(FaultKind kind) { return names[static_cast<std::size_t>(kind)]; }

std::string to_string(const Fault& fault) {
  char text[160];
  std::snprintf(text, sizeof text, "%.3f s: %s of %s %zu for %.1f s, strength %.2f", fault.at, to_string(fault.kind),
                on_node(fault) ? "node" : "VM", fault.target, fault.lasts, fault.strength);
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

}  // namespace neonvm::simulate
