// How `neonvm simulate` runs its worlds: policies opened, progress shown, Ctrl-C heard, a stuck policy ended.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/simulate_config.hpp"
#include "core/simulate/report.hpp"

namespace neonvm::cli {

// One way in which a second world differs: "max_cpus", "8".
struct WhatIf {
  std::string key, value;
};
Result<std::vector<WhatIf>> parse_what_if(const std::vector<std::string>& texts);

// Ctrl-C means "enough" while one lives; twice means "now". One at a time; main thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  // Since the last one was made.
  static bool asked();

 private:
  struct sigaction before_ {};
};

// Every policy of the config, and again with `changes` if there are any. Ctrl-C ends with what there is so far. A policy
// that does not answer for 30 s ends the program: code in this process cannot be stopped otherwise.
Result<std::vector<simulate::NamedResult>> run_worlds(Context& context, const SimulateConfig& config,
                                                      const std::vector<WhatIf>& changes);

// Says what was checked, or which law broke, by what, and how to see it again: then 1. 130 after Ctrl-C.
Result<int> simulate_faults(Context& context, const SimulateConfig& config, const std::string& policy, std::uint64_t seed);

// Shows how far a run is (without a name: not), ends a program whose policy does not answer, and says no after Ctrl-C.
simulate::ProgressCall progress_of(const std::string& name, const std::string& policy);
// "pressure,calm=30" opened, once a call.
Result<simulate::PolicyFactory> policy_factory(Context& context, const std::string& text);
// "12.3", "1.2e+07" never: 4 digits, thousands as they are.
std::string figure(double value);

}  // namespace neonvm::cli
