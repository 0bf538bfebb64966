// neonvm simulate --faults: the laws of every decision, while things go wrong.
#include <iostream>
#include <numeric>

#include "cli/output.hpp"
#include "cli/simulate_run.hpp"
#include "core/simulate/shortening.hpp"

namespace neonvm::cli {

namespace {

using simulate::FaultsRun;
using simulate::Trial;

std::string of(const simulate::Broken& broken) {
  return "law \"" + broken.law + "\" broken by VM " + broken.vm + " at " + figure(broken.at) + " s: " + broken.what;
}

// On a terminal one moving line: how few it are by now.
class Countdown {
 public:
  explicit Countdown(std::size_t whole) : whole_(whole) {}
  ~Countdown() {
    if (shown_) std::cerr << "\r\033[K";
  }
  Countdown(const Countdown&) = delete;
  Countdown& operator=(const Countdown&) = delete;
  void show(const Trial& best, std::size_t runs) {
    const Instant now = std::chrono::steady_clock::now();
    if (!stderr_is_terminal() || now - last_ < std::chrono::milliseconds(200)) return;
    last_ = now;
    shown_ = true;
    std::cerr << "\r\033[Kshortening: " << best.faults.size() << " of " << whole_ << " faults and " << best.vms.size()
              << (best.vms.size() == 1 ? " VM" : " VMs") << " left after " << runs << " runs; Ctrl-C takes these" << std::flush;
  }

 private:
  std::size_t whole_;
  Instant last_{};
  bool shown_ = false;
};

struct Cluster {
  Context& context;
  const SimulateConfig& config;
  const std::string& policy;
  const simulate::PolicyFactory& policies;
  std::uint64_t seed;

  [[nodiscard]] Result<FaultsRun> run(const Trial& trial, const std::string& shown) const {
    return simulate::run_with_faults(simulate::only(config.cluster, trial.vms), config.settings, sources_of(config), policies,
                                     trial.faults, seed, trial.until, progress_of(shown, policy));
  }
  [[nodiscard]] std::size_t index_of(const std::string& vm) const {
    std::size_t index = 0;
    while (config.cluster.vms[index].name != vm) ++index;
    return index;
  }
};

simulate::Shortened shortest(const Cluster& cluster, const Trial& whole, const simulate::Broken& broken) {
  Countdown countdown(whole.faults.size());
  const auto breaks = [&](const Trial& trial) -> std::optional<double> {
    const auto again = cluster.run(trial, "");
    // Another law is another matter.
    if (Interrupt::asked() || !again || !again->broken || again->broken->law != broken.law) return std::nullopt;
    return again->broken->at;
  };
  return simulate::shortened(whole, broken.at, cluster.index_of(broken.vm), breaks, [&](const Trial& best, std::size_t runs) {
    countdown.show(best, runs);
    return !Interrupt::asked();
  });
}

void tell(const Cluster& cluster, const Trial& whole, const simulate::Shortened& left) {
  const Trial& trial = left.trial;
  if (Interrupt::asked()) std::cout << "stopped while shortening; so far ";
  if (trial.faults.empty()) std::cout << "it takes none of the " << whole.faults.size() << " faults";
  else std::cout << "it takes " << trial.faults.size() << " of " << whole.faults.size() << " faults";
  std::cout << " and " << trial.vms.size() << " of " << whole.vms.size() << " VMs" << (left.minimal ? ", none of which can be left out:\n" : ":\n");
  constexpr std::size_t most_faults = 100, most_names = 12;
  for (std::size_t i = 0; i < std::min(most_faults, trial.faults.size()); ++i) std::cout << "  " << to_string(trial.faults[i]) << "\n";
  if (trial.faults.size() > most_faults) std::cout << "  ... and " << trial.faults.size() - most_faults << " later ones\n";
  std::cout << "  VMs:";
  for (std::size_t i = 0; i < std::min(most_names, trial.vms.size()); ++i)
    std::cout << " " << trial.vms[i] << " (" << cluster.config.cluster.vms[trial.vms[i]].name << ")";
  std::cout << (trial.vms.size() > most_names ? " ...\n" : "\n");
  const auto again = cluster.run(trial, "");
  if (again && again->broken) std::cout << "then: " << of(*again->broken) << "\n";
}

}  // namespace

Result<int> simulate_faults(Context& context, const SimulateConfig& config, const std::string& policy, std::uint64_t seed) {
  const auto policies = policy_factory(context, policy);
  if (!policies) return policies.error();
  const Cluster cluster{context, config, policy, *policies, seed};
  const std::size_t vms = config.cluster.vms.size();
  Trial whole{simulate::draw_faults(seed, vms, config.cluster.nodes.size(), config.duration), std::vector<std::size_t>(vms), config.duration};
  std::iota(whole.vms.begin(), whole.vms.end(), std::size_t{0});
  const Interrupt interrupt;
  const auto first = cluster.run(whole, policy + " with faults");
  if (!first) return first.error();
  if (!first->broken) {
    const bool stopped = Interrupt::asked();
    std::cout << policy << (stopped ? ": stopped; until then every law held at " : ": every law held at ") << first->events
              << " events of " << figure(first->simulated / 86400) << " cluster-days with " << whole.faults.size() << " faults, seed "
              << seed << "\n";
    return stopped ? 130 : 0;
  }
  std::cout << policy << ", seed " << seed << ": " << of(*first->broken) << "\n";
  tell(cluster, whole, shortest(cluster, whole, *first->broken));
  std::cout << "to see it again, give the same cluster file, policy, duration and --faults " << seed << "\n";
  return 1;
}

}  // namespace neonvm::cli
