// Controller: gives every VM the life that its object asks for: places it, starts it, sizes it, moves it, stops it.
//
// Composed by `neonvm serve` and `neonvm controller`. What to do is decided by decide/lifecycle and decide/migration; here
// the world is read for them and their deeds are done: at most one pass a VM at a time, status first, then the deed.
// Threads: loop thread only; calls that block run on the loop's workers. Lifetime: loop, orchestrator, world and offices
// outlive it; what is under way when it dies is finished by its successor, from the world alone.
// Reads VirtualMachines, migrations, nodes and runners; writes VM and migration status, finalizers, runners and events.
// Failure: a call that failed is tried again after 100 ms doubling to 5 s; a reason that people should know stands in the
// VM's status.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/daemon/failing_objects.hpp"
#include "core/daemon/life_record.hpp"
#include "core/daemon/permit_office.hpp"
#include "core/daemon/placement_office.hpp"
#include "core/daemon/vm_keeper.hpp"
#include "core/daemon/world.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/runtime/work_queue.hpp"

namespace neonvm::daemon {

class Controller {
 public:
  Controller(runtime::Loop& loop, Orchestrator& orchestrator, World& world, PlacementOffice& places,
             PermitOffice& permits, runtime::MetricsRegistry& metrics, AddressOffice* addresses, ControllerSettings settings);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Works from now on; REQUIRES the world to watch all four kinds. Nothing is decided before the world is known whole.
  void start();

 private:
  void vm_changed(const Change& change);
  void migration_changed(const Change& change);
  void runner_changed(const Change& change);
  void world_synced();
  void look_at(const std::string& vm);
  void work(const std::string& vm, std::function<void(runtime::WorkOutcome)> done);
  VmKeeper& keeper(const std::string& vm);
  void count_vm(const std::string& name, std::optional<Phase> phase);
  void passed(const std::string& vm, Instant began, const runtime::WorkOutcome& outcome);

  runtime::Loop& loop_;
  World& world_;
  PlacementOffice& places_;
  runtime::MetricsRegistry& metrics_;
  LifeRecord record_;
  ControllerTools tools_;
  std::map<std::string, std::set<std::string>> runners_of_;    // VM uid -> names
  std::map<std::string, std::set<std::string>> migrations_of_; // VM name -> names
  std::map<std::string, std::unique_ptr<VmKeeper>> keepers_;   // by VM name
  std::map<std::string, Phase> phases_;                        // likewise
  std::map<Phase, int> vms_in_;
  FailingObjects failing_;
  std::unique_ptr<runtime::WorkQueue> queue_;
  std::vector<World::Subscription> subscriptions_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<void> collected_;
};

}  // namespace neonvm::daemon
