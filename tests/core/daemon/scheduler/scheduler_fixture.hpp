// Desk: a scheduler over the in-memory orchestrator, with the objects that its tests need, made in one line each.
#pragma once

#include <string>

#include "core/daemon/scheduler.hpp"
#include "core/runtime/manual_clock.hpp"
#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_orchestrator.hpp"

namespace neonvm::tests {

struct Desk {
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  fakes::FakeOrchestrator orchestrator;
  runtime::MetricsRegistry metrics;
  daemon::World world{loop, orchestrator, {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner, Kind::neighbour}};
  std::optional<daemon::Scheduler> scheduler;

  // Starts the world and a scheduler and waits until its books are there.
  void open(daemon::SchedulerSettings settings = {});
  // What a scheduler that dies and comes back knows: nothing.
  void restart_scheduler(daemon::SchedulerSettings settings = {});

  void node(const std::string& name, double cpus, double gibs, double watermark = 0.9);
  Object vm(const std::string& name, double cpus, double gibs, bool scaling = true, bool may_migrate = false);
  // A runner for the VM on that node, and a status that says that it runs there with `has`.
  void run(const std::string& vm, const std::string& runner, const std::string& node);
  Object runner(const std::string& vm, const std::string& name, const std::string& node, RunnerRole role,
                bool attach_only = false);
  void status(const std::string& vm, const std::function<void(VmStatus&)>& change);
  void spec(const std::string& vm, const std::function<void(VmSpec&)>& change);
  // Sets a member of spec that VmSpec does not have: "name":value.
  void raw_spec(const std::string& vm, const std::string& member);

  Result<wire::PermitResponse> ask(const std::string& runner, double cpus, double gibs,
                                   std::optional<Resources> last = std::nullopt);
  Result<std::string> place(const std::string& vm, const std::string& runner);
  // Somebody else's pod that has a node.
  void neighbour(const std::string& name, const std::string& node, double cpus, double gibs);
  void until(const std::function<bool()>& holds);
  [[nodiscard]] Resources reserved(const std::string& node) const { return scheduler->ledger().totals(node).reserved; }
};

Resources size(double cpus, double gibs);

}  // namespace neonvm::tests
