#include "core/simulate/faults.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <limits>
#include <map>

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

namespace {

// A fault begins at the look before it, so one of so much later may have a part in it.
constexpr double after_break = seconds(look_with_faults);

std::vector<Fault> until(const std::vector<Fault>& faults, double end) {
  std::vector<Fault> some;
  std::copy_if(faults.begin(), faults.end(), std::back_inserter(some), [&](const Fault& f) { return f.at <= end; });
  return some;
}

class Shortening {
 public:
  Shortening(std::vector<Fault> faults, const BreakingCall& breaks, std::size_t runs)
      : faults_(std::move(faults)), breaks_(breaks), runs_(runs) {}

  std::vector<Fault> shortest() && {
    keep_one_vm();
    for (std::size_t before = 0; before != faults_.size() && runs_ > 0;) {
      before = faults_.size();
      drop_groups([](const Fault& f) { return static_cast<std::size_t>(f.kind); });
      drop_groups([](const Fault& f) { return on_node(f) ? no_vm : f.target; });
    }
    drop_stretches();
    return std::move(faults_);
  }

 private:
  static constexpr std::size_t no_vm = std::numeric_limits<std::size_t>::max();

  // Whether these do as well; then they are what is left.
  bool are_enough(const std::vector<Fault>& some) {
    if (runs_ == 0 || some.size() == faults_.size()) return false;
    --runs_;
    const auto at = breaks_(some);
    if (at) faults_ = until(some, *at + after_break);
    return at.has_value();
  }

  template <typename Keep>
  bool is_enough(Keep keep) {
    std::vector<Fault> some;
    std::copy_if(faults_.begin(), faults_.end(), std::back_inserter(some), keep);
    return are_enough(some);
  }

  // What the faults are grouped by, the largest group first.
  template <typename Group>
  std::vector<std::size_t> groups(Group group) const {
    std::map<std::size_t, std::size_t> sizes;
    for (const Fault& fault : faults_) ++sizes[group(fault)];
    std::vector<std::size_t> all;
    for (const auto& [name, size] : sizes) all.push_back(name);
    std::stable_sort(all.begin(), all.end(), [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
    return all;
  }

  // Most breaks need the faults of one VM and of its schedulers.
  void keep_one_vm() {
    for (const std::size_t vm : groups([](const Fault& f) { return on_node(f) ? no_vm : f.target; })) {
      if (vm != no_vm && is_enough([&](const Fault& f) { return on_node(f) || f.target == vm; })) return;
    }
  }

  template <typename Group>
  void drop_groups(Group group) {
    for (const std::size_t name : groups(group)) is_enough([&](const Fault& f) { return group(f) != name; });
  }

  void drop_stretches() {
    for (std::size_t stretch = std::max<std::size_t>(1, faults_.size() / 2); stretch > 0; stretch /= 2) {
      for (std::size_t i = 0; i < faults_.size() && runs_ > 0;) {
        std::vector<Fault> fewer = faults_;
        const auto begin = fewer.begin() + static_cast<std::ptrdiff_t>(i);
        fewer.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(stretch, fewer.size() - i)));
        if (!are_enough(fewer)) i += stretch;
      }
    }
  }

  std::vector<Fault> faults_;
  const BreakingCall& breaks_;
  std::size_t runs_;
};

}  // namespace

std::vector<Fault> shortened(const std::vector<Fault>& faults, double broken_at, const BreakingCall& breaks, std::size_t most_runs) {
  return Shortening(until(faults, broken_at + after_break), breaks, most_runs).shortest();
}

}  // namespace neonvm::simulate
