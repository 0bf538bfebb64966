#include "core/decide/lifecycle_facts.hpp"

#include <algorithm>

namespace neonvm::decide {

bool is_held(const RunnerFacts& runner) {
  return runner.phase == RunnerPhase::starting || runner.phase == RunnerPhase::running;
}

bool may_live(const RunnerFacts& runner) { return !runner.vm_ended; }

bool is_blocked(const RunnerFacts& runner) {
  return runner.phase == RunnerPhase::starting && !runner.word && !runner.deleting && !runner.exit_reason.empty();
}

bool is_lost(const RunnerFacts& runner) { return !is_held(runner) && !runner.vm_ended; }

bool is_running(const RunnerFacts& runner) {
  return is_held(runner) && runner.word && runner.word->machine == MachinePhase::running;
}

const RunnerFacts* find_runner(const std::vector<RunnerFacts>& runners, const std::string& name) {
  const auto at = std::find_if(runners.begin(), runners.end(), [&](const RunnerFacts& r) { return r.name == name; });
  return at == runners.end() ? nullptr : &*at;
}

void share_ends(std::vector<RunnerFacts>& runners) {
  for (const RunnerFacts& ended : std::vector<RunnerFacts>(runners)) {
    if (!ended.vm_ended || ended.run_dir.empty()) continue;
    for (RunnerFacts& other : runners) {
      if (other.run_dir == ended.run_dir && !is_held(other)) other.vm_ended = true;
    }
  }
}

bool is_superseded(const RunnerFacts& runner, const std::vector<RunnerFacts>& runners) {
  if (!is_lost(runner) || runner.run_dir.empty()) return false;
  return std::any_of(runners.begin(), runners.end(), [&](const RunnerFacts& other) {
    return other.name != runner.name && other.run_dir == runner.run_dir && is_held(other);
  });
}

const RunnerFacts* holder_of(const std::vector<RunnerFacts>& runners, const std::string& name) {
  const RunnerFacts* named = find_runner(runners, name);
  if (!named || is_held(*named) || named->run_dir.empty()) return named;
  const RunnerFacts* last = named;
  for (const RunnerFacts& other : runners) {
    if (other.run_dir != named->run_dir) continue;
    if (is_held(other)) return &other;
    const bool later = other.known_since > last->known_since;
    const bool says_more = other.known_since == last->known_since && other.word && !last->word;
    if (later || says_more) last = &other;
  }
  return last;
}

Duration restart_delay(std::uint32_t streak) {
  Duration delay = restart_first;
  for (std::uint32_t i = 1; i < streak && delay < restart_cap; ++i) delay *= 2;
  return std::min(delay, restart_cap);
}

Tries recalled(const VmStatus& status, Instant now, WallTime wall) {
  Tries tries;
  if (!status.restart_at) return tries;
  tries.streak = std::min(status.restarts, std::uint32_t{6});
  const Duration left = *status.restart_at - wall;
  tries.due = now + std::clamp(left, Duration::zero(), restart_cap);
  return tries;
}

}  // namespace neonvm::decide
