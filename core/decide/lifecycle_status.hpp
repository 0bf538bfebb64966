// A VM's status as its runner tells it, and its conditions. Used by decide/lifecycle alone.
#pragma once

#include <string>

#include "core/decide/lifecycle_facts.hpp"

namespace neonvm::decide {

// Everything that `runner` says of the VM, phase included.
void observe(const RunnerFacts& runner, const LifecycleFacts& facts, VmStatus& status);
// Why a VM does not run yet whose runner is there or about to be.
std::string being_started(const std::string& runner);
// No runner any more: nothing of the last one may stay in the status but last_exit.
void clear_runner(VmStatus& status);
// Fills Available and Degraded. available_reason: why it is not available, "" when the phase says enough. tend_why: as in the facts.
void settle_conditions(const RunnerFacts* current, const std::string& available_reason, const std::string& tend_why, WallTime wall, VmStatus& status);

}  // namespace neonvm::decide
