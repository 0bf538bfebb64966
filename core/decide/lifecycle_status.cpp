#include "core/decide/lifecycle_status.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

// Nothing is ordered from a machine that moves: its target was made for the size that it has.
std::string size_reason(const LifecycleFacts& facts) {
  return facts.migrating ? "waits for the end of migration " + facts.migration : facts.size_why;
}

void observe_size(const RunnerWord& word, const LifecycleFacts& facts, VmStatus& status) {
  status.cpu = word.cpu;
  status.memory = word.memory;
  status.cpu.asked = facts.spec.cpu.use;
  status.memory.asked = facts.spec.memory.use;
  const auto not_ordered_yet = [&facts](auto asked, auto ordered, bool& settled, std::string& why) {
    if (asked == ordered) return;
    settled = false;
    if (std::string reason = size_reason(facts); !reason.empty()) why = std::move(reason);
  };
  not_ordered_yet(status.cpu.asked, word.cpu.asked, status.cpu.settled, status.cpu.why);
  not_ordered_yet(status.memory.asked, word.memory.asked, status.memory.settled, status.memory.why);
}

bool has_size(const VmStatus& status, const VmSpec& spec) {
  return status.cpu.settled && status.memory.settled && status.cpu.actual == spec.cpu.use &&
         status.memory.actual == spec.memory.use;
}

// One whose machine has no disk for it gets it with its next one.
void observe_swap(const RunnerWord& word, const LifecycleFacts& facts, VmStatus& status) {
  const Bytes asked = facts.spec.swap.value_or(Bytes{});
  status.swap = word.swap;
  if (!word.swap && asked.value != 0) status.swap = MemoryState{asked, {}, true, "from its next start on; this one has no disk for swap"};
  if (!word.swap || word.swap->asked == asked) return;
  status.swap->asked = asked;
  status.swap->settled = false;
  status.swap->why.clear();
}

void observe_revision(const RunnerWord& word, const LifecycleFacts& facts, VmStatus& status) {
  const auto& target = facts.spec.target_revision;
  if (!target || word.revision != *target || !has_size(status, facts.spec)) return;
  if (status.current_revision == *target) return;
  status.current_revision = *target;
  status.current_revision_at = facts.wall;
}

Phase phase_of(const RunnerWord& word, const LifecycleFacts& facts, const VmStatus& status) {
  if (facts.migrating) return facts.migrating_phase;
  if (word.machine == MachinePhase::starting) return Phase::pending;
  // Its last word: the VM did not begin to run by ending, and how it ended is decided when its runner has.
  const bool over = word.machine == MachinePhase::shut_down || word.machine == MachinePhase::panicked ||
                    word.machine == MachinePhase::gone;
  if (over) return status.phase == Phase::none ? Phase::pending : status.phase;
  return status.cpu.settled && status.memory.settled ? Phase::running : Phase::scaling;
}

std::string does_not_answer(const RunnerFacts& runner) { return "runner " + runner.name + " does not answer; this is what it last said"; }

std::string why_of(const RunnerFacts& runner) {
  const RunnerWord& word = *runner.word;
  if (!word.fresh) return does_not_answer(runner);
  if (runner.deleting) return "runner " + runner.name + " is being stopped";
  switch (word.machine) {
    case MachinePhase::starting: return "the machine is starting";
    case MachinePhase::running: return "";
    case MachinePhase::paused: return "the machine is paused";
    case MachinePhase::incoming: return "waits for its migration to arrive";
    case MachinePhase::migrated_away: return "has moved to another runner";
    case MachinePhase::shut_down:
    case MachinePhase::panicked:
    case MachinePhase::gone: return "the machine has ended";
  }
  return "";
}

void set_condition(VmStatus& status, Condition wanted) {
  const auto at = std::find_if(status.conditions.begin(), status.conditions.end(),
                               [&](const Condition& c) { return c.type == wanted.type; });
  if (at == status.conditions.end()) {
    status.conditions.push_back(std::move(wanted));
    return;
  }
  if (at->value == wanted.value) wanted.since = at->since;
  *at = std::move(wanted);
}

std::string reason_for(Phase phase) {
  switch (phase) {
    case Phase::none:
    case Phase::pending: return "Starting";
    case Phase::running:
    case Phase::scaling:
    case Phase::pre_migrating:
    case Phase::migrating: return "Running";
    case Phase::succeeded: return "Succeeded";
    case Phase::failed: return "Failed";
    case Phase::stopped: return "Stopped";
  }
  return "";
}

}  // namespace

void observe(const RunnerFacts& runner, const LifecycleFacts& facts, VmStatus& status) {
  status.runner = runner.name;
  status.node = runner.node;
  status.endpoint = runner.endpoint;
  status.migration = facts.migrating ? facts.migration : "";
  if (!runner.word) {
    // A controller that has just come back: what is stored stays until the runner has spoken, or does not.
    if (is_alive(status.phase)) {
      if (!runner.silent) return;
      status.guest_connected = false;
      status.why = does_not_answer(runner);
      return;
    }
    status.phase = Phase::pending;
    status.why = runner.node.empty() ? "runner " + runner.name + " waits for a node" : being_started(runner.name);
    if (is_blocked(runner)) status.why = runner.exit_reason;
    return;
  }
  const RunnerWord& word = *runner.word;
  observe_size(word, facts, status);
  status.guest_connected = word.fresh && word.guest_connected;
  if (!word.guest_version.empty()) status.guest_version = word.guest_version;
  status.health = word.health;
  if (!word.clock_news.empty()) {
    status.clock_news = word.clock_news;
    status.clock_warning = word.clock_warning;
  }
  status.files = word.files;
  observe_swap(word, facts, status);
  status.notices = word.notices;
  status.accelerator = word.accelerator;
  status.phase = phase_of(word, facts, status);
  status.why = why_of(runner);
  if (status.why.empty() && (!facts.migrating || facts.spec.use() != Resources{word.cpu.asked, word.memory.asked})) status.why = size_reason(facts);
  observe_revision(word, facts, status);
}

std::string being_started(const std::string& runner) { return "runner " + runner + " is starting"; }

void clear_runner(VmStatus& status) {
  status.runner.clear();
  status.node.clear();
  status.endpoint.clear();
  status.migration.clear();
  status.cpu.actual = {};
  status.memory.actual = {};
  status.cpu.settled = status.memory.settled = true;
  status.cpu.why.clear();
  status.memory.why.clear();
  status.swap.reset();
  status.files.clear();
  status.guest_connected = false;
  status.health = {};
  status.notices.clear();
  status.accelerator.clear();
}

void settle_conditions(const RunnerFacts* current, const std::string& available_reason, const std::string& tend_why, WallTime wall,
                       VmStatus& status) {
  const bool unheard = current && is_held(*current) && !current->word && is_alive(status.phase);
  // Not heard yet is no news.
  if (unheard && !current->silent) return;
  const bool runs = current && is_running(*current) && current->word->fresh;
  std::string reason = available_reason;
  if (reason.empty()) reason = reason_for(status.phase);
  if (!runs && reason == "Running") reason = current && is_held(*current) ? "RunnerSilent" : "RunnerLost";
  set_condition(status, {"Available", runs, runs ? "Running" : reason, runs ? "" : status.why, wall});

  Condition degraded{"Degraded", false, "AsExpected", "", wall};
  const auto raise = [&](const std::string& why, const std::string& message) {
    degraded.value = true;
    degraded.reason = why;
    degraded.message = message;
  };
  if (runs && !tend_why.empty()) raise("CertificateNotRenewed", tend_why);
  if (current && is_lost(*current)) raise("RunnerLost", "runner " + current->name + " vanished: " + current->exit_reason);
  if (unheard || (current && is_held(*current) && current->word && !current->word->fresh)) raise("RunnerSilent", status.why);
  if (current && may_live(*current) && !current->node_known) {
    raise("NodeLost", "node " + current->node + " is gone; the VM may still run there, so it is not started again");
  }
  if (status.phase == Phase::failed) raise("Failed", status.why);
  if (available_reason == "Restarting") raise("Restarting", status.why);
  set_condition(status, std::move(degraded));
}

}  // namespace neonvm::decide
