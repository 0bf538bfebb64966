#include "core/decide/lifecycle.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

const Condition* condition(const VmStatus& status, const std::string& type) {
  const auto at = std::find_if(status.conditions.begin(), status.conditions.end(),
                               [&](const Condition& c) { return c.type == type; });
  return at == status.conditions.end() ? nullptr : &*at;
}

std::string size_of(const VmStatus& status) { return to_string(Resources{status.cpu.actual, status.memory.actual}); }

bool settled(const VmStatus& status) { return status.cpu.settled && status.memory.settled; }

bool reached(const VmStatus& status) {
  return settled(status) && status.cpu.actual == status.cpu.asked && status.memory.actual == status.memory.asked;
}

bool runs(Phase phase) { return phase == Phase::running || phase == Phase::scaling; }

class Diff {
 public:
  Diff(const VmStatus& before, const VmStatus& after) : before_(before), after_(after) {}

  std::vector<Event> events() {
    restarted();
    phase_changed();
    scaled();
    health_changed();
    clock_changed();
    noticed();
    conditions_changed();
    return std::move(events_);
  }

 private:
  void say(bool warning, const std::string& reason, const std::string& message) {
    Event event;
    event.warning = warning;
    event.reason = reason;
    event.message = message;
    event.revision = after_.current_revision ? after_.current_revision->value : 0;
    events_.push_back(std::move(event));
  }

  void restarted() {
    if (after_.restarts > before_.restarts) say(true, "Restarting", after_.why);
  }

  void phase_changed() {
    if (before_.phase == after_.phase) return;
    const bool had_machine = is_alive(before_.phase) && before_.phase != Phase::pending;
    switch (after_.phase) {
      case Phase::running:
      case Phase::scaling:
        if (!had_machine) say(false, "Started", "runs on " + after_.node + " with " + after_.accelerator);
        return;
      case Phase::succeeded: return say(false, "Succeeded", after_.why);
      case Phase::failed: return say(true, "Failed", after_.why);
      case Phase::stopped: return say(false, "Stopped", after_.last_exit.empty() ? after_.why : after_.last_exit);
      case Phase::none:
      case Phase::pending:
      case Phase::pre_migrating:
      case Phase::migrating: return;
    }
  }

  void scaled() {
    if (!runs(before_.phase) || !runs(after_.phase)) return;
    const bool same = before_.cpu.actual == after_.cpu.actual && before_.memory.actual == after_.memory.actual;
    if (settled(before_) && same) return;
    if (!settled(after_)) return;
    if (reached(after_)) return say(false, "Scaled", "has " + size_of(after_));
    const std::string why = after_.cpu.why.empty() ? after_.memory.why : after_.cpu.why;
    say(true, "ScaleIncomplete", "has " + size_of(after_) + " of " +
                                     to_string(Resources{after_.cpu.asked, after_.memory.asked}) + ": " + why);
  }

  // A workload that is still starting is no news.
  void health_changed() {
    const Health then = before_.health.state, now = after_.health.state;
    if (then == now) return;
    if (now == Health::healthy) return say(false, "Healthy", "the workload answers its check");
    if (now == Health::unhealthy) say(true, "Unhealthy", "the workload fails its check: " + after_.health.why);
  }

  void clock_changed() {
    if (after_.clock_news.empty() || after_.clock_news == before_.clock_news) return;
    say(after_.clock_warning, "ClockCorrected", "the guest's clock: " + after_.clock_news);
  }

  void noticed() {
    for (const std::string& notice : after_.notices) {
      if (std::ranges::find(before_.notices, notice) == before_.notices.end()) say(true, "GuestNotice", notice);
    }
  }

  // Reasons that no phase tells: why a VM does not start, and what is wrong with a running one.
  void conditions_changed() {
    const Condition* now = condition(after_, "Available");
    const Condition* then = condition(before_, "Available");
    const bool waits = now && !now->value && after_.phase == Phase::pending;
    if (waits && now->reason != "Starting" && now->reason != "Restarting" && (!then || then->reason != now->reason)) {
      say(true, now->reason, now->message);
    }
    now = condition(after_, "Degraded");
    then = condition(before_, "Degraded");
    const bool new_trouble = now && now->value && (!then || then->reason != now->reason);
    if (new_trouble && (now->reason == "RunnerLost" || now->reason == "NodeLost" || now->reason == "CertificateNotRenewed")) say(true, now->reason, now->message);
  }

  const VmStatus& before_;
  const VmStatus& after_;
  std::vector<Event> events_;
};

}  // namespace

bool is_on_its_way(const VmStatus& before, const VmStatus& after) {
  if (!runs(before.phase) || after.phase != Phase::scaling) return false;
  VmStatus rest = after;
  rest.phase = before.phase;
  rest.why = before.why;
  rest.cpu = before.cpu;
  rest.memory = before.memory;
  return rest == before;
}

std::vector<Event> events_between(const VmStatus& before, const VmStatus& after) { return Diff(before, after).events(); }

}  // namespace neonvm::decide
