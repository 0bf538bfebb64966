// neonvm simulate --faults: the laws of every decision, while things go wrong.
#include <iostream>

#include "cli/simulate_run.hpp"
#include "core/simulate/faults.hpp"

namespace neonvm::cli {

namespace {

std::string of(const simulate::Broken& broken) {
  return "law \"" + broken.law + "\" broken by VM " + broken.vm + " at " + figure(broken.at) + " s: " + broken.what;
}

}  // namespace

Result<int> simulate_faults(Context& context, const SimulateConfig& config, const std::string& policy, std::uint64_t seed) {
  const auto policies = policy_factory(context, policy);
  if (!policies) return policies.error();
  const auto& cluster = config.cluster;
  const auto faults = simulate::draw_faults(seed, cluster.vms.size(), cluster.nodes.size(), config.duration);
  const auto run = [&](const std::vector<simulate::Fault>& some, const std::string& name) {
    return simulate::run_with_faults(cluster, config.settings, sources_of(config), *policies, some, seed, config.duration,
                                     progress_of(name, policy));
  };
  const Interrupt interrupt;
  const auto first = run(faults, policy + " with faults");
  if (!first) return first.error();
  const double days = first->simulated / 86400;
  if (!first->broken) {
    const bool stopped = Interrupt::asked();
    std::cout << policy << (stopped ? ": stopped; until then every law held at " : ": every law held at ") << first->events
              << " events of " << figure(days) << " cluster-days with " << faults.size() << " faults, seed " << seed << "\n";
    return stopped ? 130 : 0;
  }
  std::cout << policy << ", seed " << seed << ": " << of(*first->broken) << "\n";
  const auto left = simulate::shortened(faults, first->broken->at, [&](const std::vector<simulate::Fault>& some) -> std::optional<double> {
    const auto again = Interrupt::asked() ? first : run(some, "shortening");
    if (Interrupt::asked() || !again || !again->broken) return std::nullopt;
    return again->broken->at;
  });
  if (Interrupt::asked()) std::cout << "stopped while shortening; so far ";
  std::cout << "it takes these " << left.size() << " of " << faults.size() << " faults:\n";
  for (const simulate::Fault& fault : left) std::cout << "  " << to_string(fault) << "\n";
  std::cout << "to see it again, give the same cluster file, policy, duration and --faults " << seed << "\n";
  return 1;
}

}  // namespace neonvm::cli
