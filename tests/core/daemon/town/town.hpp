// Town: the whole control plane in one process and in memory: the real controller, scheduler, agent and runners over the
// fake orchestrator, the fake hypervisor and scripted guests. Everything can be killed, and comes back as it does in life.
//
// One loop for the control plane and the runners, in real time. What must always hold is asked with broken().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/daemon/agent.hpp"
#include "core/daemon/controller.hpp"
#include "core/daemon/runner.hpp"
#include "core/daemon/runner_door.hpp"
#include "core/daemon/scheduler.hpp"
#include "tests/support/fake_hypervisor.hpp"
#include "tests/support/fake_orchestrator.hpp"
#include "tests/support/scripted_guest.hpp"
#include "tests/support/temp_dir.hpp"

namespace neonvm::tests {

// A runner as its process would be: it ends its object's life by what it says when it ends.
struct TownRunner {
  std::string name, vm, run_dir;
  runtime::MetricsRegistry metrics;
  std::unique_ptr<runtime::HttpServer> server;
  std::unique_ptr<daemon::Runner> runner;
  std::unique_ptr<daemon::RunnerDoor> door;
  bool ended = false;
};

// A policy that wants what the test says.
class WishingPolicy final : public Policy {
 public:
  explicit WishingPolicy(std::shared_ptr<Resources> wish) : wish_(std::move(wish)) {}
  Result<Goal> decide(const PolicyInput& input) override;

 private:
  std::shared_ptr<Resources> wish_;
};

// The agent's way to the scheduler, which may be cut: what is asked then is never answered but with a failure.
class LongWay final : public daemon::PermitOffice {
 public:
  LongWay(runtime::Loop& loop, daemon::PermitOffice& office, const bool& cut) : loop_(loop), office_(office), cut_(cut) {}
  void ask(const wire::PermitRequest& request, Answered done) override;
  void lend(const HeadroomRequest& request, Lent done) override;

 private:
  runtime::Loop& loop_;
  daemon::PermitOffice& office_;
  const bool& cut_;
};

class Town {
 public:
  Town();
  ~Town();

  void node(const std::string& name, double cpus, double gibs);
  // cpus and gibs: of use; limits 0.25..8 CPU and 512Mi..16Gi.
  Object vm(const std::string& name, double cpus, double gibs, bool scaling = false,
            RestartPolicy policy = RestartPolicy::always);
  void edit(const std::string& vm, const std::function<void(VmSpec&)>& change);
  Object migrate(const std::string& vm, const std::string& to = "");
  void cancel(const std::string& migration);
  void remove(const std::string& vm);

  // The control plane: dies without a word, and comes up knowing nothing.
  void open();
  void kill_control_plane();

  // Runners and QEMUs.
  void kill_runner(const std::string& name);
  void kill_qemu(const std::string& run_dir);

  void wish(double cpus, double gibs);
  bool until(const std::function<bool()>& holds, Duration limit = std::chrono::seconds(20));
  void turn(Duration time);            // lets things happen for so long

  [[nodiscard]] std::vector<Object> objects(Kind kind);
  [[nodiscard]] VmSpec spec(const std::string& vm);
  [[nodiscard]] VmStatus status(const std::string& vm);
  [[nodiscard]] MigrationStatus migration(const std::string& name);
  [[nodiscard]] bool has(const std::string& vm, double cpus, double gibs);
  [[nodiscard]] bool runs(const std::string& vm) { return exists(vm) && status(vm).phase == Phase::running; }
  [[nodiscard]] bool exists(const std::string& vm);
  [[nodiscard]] std::vector<std::string> live_runners() const;
  [[nodiscard]] std::string qemu_of(const std::string& vm);   // run_dir; "": none, or more than one
  // What must never be: two QEMUs of one VM running, a disk with two writers, more promised than a node has. "": all holds.
  [[nodiscard]] std::string broken();

  TempDir home;
  std::shared_ptr<fakes::FakeWorld> machines = std::make_shared<fakes::FakeWorld>();
  fakes::FakeHypervisor hypervisor{machines};
  fakes::FakeOrchestrator orchestrator{home.path().string()};
  double lent_share = 0;               // of a node, to its agent; then the agent is that of node `agent_node`
  std::string agent_node;
  bool scheduler_away = false;         // for the agent
  std::function<std::unique_ptr<daemon::PermitOffice>()> agents_office;  // where the agent asks; empty: the town's own scheduler
  std::function<std::unique_ptr<daemon::PlacementOffice>(daemon::PlacementOffice&)> way_to_places;  // the controller's; empty: none between
  std::optional<decide::AddressSettings> network;       // that VMs may share; none: as at a desk
  std::shared_ptr<Resources> wanted = std::make_shared<Resources>();
  std::map<std::string, std::unique_ptr<fakes::ScriptedGuest>> guests;   // by run_dir
  runtime::Loop loop;                  // ends first: its workers use the above

  struct Plane {
    runtime::MetricsRegistry metrics;
    std::unique_ptr<daemon::World> world;
    std::unique_ptr<daemon::Scheduler> scheduler;
    std::unique_ptr<daemon::PermitOffice> office;
    std::unique_ptr<daemon::PlacementOffice> places;
    std::unique_ptr<LongWay> way;
    std::unique_ptr<daemon::AddressOffice> addresses;
    std::unique_ptr<daemon::Controller> controller;
    std::unique_ptr<daemon::Agent> agent;
  };
  std::unique_ptr<Plane> plane;

 private:
  void start_runner(const Object& object);
  void stop_runner(const Object& object, Duration grace);
  void runner_ended(const std::string& name, const RunnerStatus& status);
  void bury(const std::string& name, RunnerPhase phase, const std::string& why);
  void adopt_ends();

  std::map<std::string, std::unique_ptr<TownRunner>> runners_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::tests
