// What every orchestrator door must keep (core/ports/orchestrator.hpp), as Catch2 sections.
//
// Called from a TEST_CASE each of an implementation's test; `make` gives a fresh orchestrator without VMs each time.
// Where the store is shared by processes, `again` opens the same store a second time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/ports/orchestrator.hpp"

namespace neonvm::contracts {

struct OrchestratorUnderTest {
  std::shared_ptr<Orchestrator> door;
  // The runner's process ends at once and without a word; its machine with it.
  std::function<void(const std::string& runner)> kill_runner;
  // Another hold on the same store; empty when there is none.
  std::function<std::shared_ptr<Orchestrator>()> again;
};
using MakeOrchestrator = std::function<OrchestratorUnderTest()>;

void orchestrator_keeps_objects(const MakeOrchestrator& make);
void orchestrator_removes(const MakeOrchestrator& make);
void orchestrator_watches(const MakeOrchestrator& make);
void orchestrator_wakes_watches(const MakeOrchestrator& make);
void orchestrator_keeps_events(const MakeOrchestrator& make);
void orchestrator_leases(const MakeOrchestrator& make);
void orchestrator_runs_runners(const MakeOrchestrator& make);

// For tests that build on the same steps.
Deadline soon();  // long enough for anything that comes at all
Object vm_object(const std::string& name, const std::string& spec = R"({"a":1})");
Object runner_object(const std::string& name, const std::string& vm);
// The next change; fails the test when none comes.
Change next_change(Watch& watch);
// Reads up to and including `synced`, which is left out.
std::vector<Change> read_to_synced(Watch& watch);
// Waits until the object is as told; fails the test when it does not become so.
Object await_object(Orchestrator& door, Kind kind, const std::string& name,
                    const std::function<bool(const Object&)>& as_told);
void await_gone(Orchestrator& door, Kind kind, const std::string& name);

}  // namespace neonvm::contracts
