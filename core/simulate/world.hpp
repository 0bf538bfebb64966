// World: a cluster in virtual time: nodes, VMs that come and go, the scheduler that places and moves them.
//
// Made by cli/simulate and tests; run() once. Between two looks of the scheduler (Settings::scheduling) nodes run on
// their own, on `threads` threads; at a look everything happens in one thread, in the order of names and indexes. So a
// result is the same bits for any number of threads.
// Memory: of a VM that is gone only its figures are kept; of time only a timeline of at most `timeline_points`.
// Failure: run() names the VM that no node can hold at the beginning. Later ones wait for room and are counted.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/decide/placement.hpp"
#include "core/model/result.hpp"
#include "core/simulate/simulated_node.hpp"
#include "core/simulate/timeline.hpp"

namespace neonvm::simulate {

struct ClusterPlan {
  std::vector<Node> nodes;
  std::vector<VmPlan> vms;
};

// The demand of VM `index` of the plan.
using SourceFactory = std::function<std::unique_ptr<DemandSource>(std::size_t index)>;
// One policy a node, as each node's agent has its own.
using PolicyFactory = std::function<Result<std::unique_ptr<Policy>>()>;
// Trace second reached, of how many; false: stop here.
using ProgressCall = std::function<bool(double done, double of)>;

struct RunResult {
  VmStatistics total;
  Levels waits{0.01};           // time to satisfy a demand, seconds; weight 1 each
  double fixed_units = 0;       // of P99.5 + 20 %, VM by VM
  std::size_t vms = 0;          // that ran
  std::size_t never_placed = 0;
  double waited_for_place = 0;  // VM-seconds
  double simulated = 0;         // seconds
  bool complete = true;         // false: stopped before the end
  std::uint64_t digest = 0;     // of every VM's figures, in order
  std::string policy_error;     // the first one, by VM
  Timeline timeline;
};

class World {
 public:
  World(ClusterPlan plan, Settings settings, SourceFactory sources, PolicyFactory policies);
  ~World();

  Result<RunResult> run(double end, const ProgressCall& progress = {});

 protected:
  struct Moving {
    std::size_t vm = 0, from = 0, to = 0;
    Instant ends{};
    bool fails = false;
    double downtime = 0;
    std::string target_holder;
  };

  // Hooks for who disturbs the world and watches it.
  virtual void before_run(Instant, Instant) {}
  virtual bool lockstep() const { return false; }
  virtual void placed(SimulatedVm&) {}

  Status open();
  Status look(Instant at);               // what the scheduler does
  void run_nodes(Instant until);
  void finish_moves(Instant at);
  void finish_move(const Moving& move, Instant at);
  void bury(Instant at);
  Status place_arrivals(Instant at);
  Status place(std::size_t index, Instant at);
  [[nodiscard]] std::vector<decide::Mover> movers_on(std::span<const std::size_t> nodes) const;
  void start_moves(Instant at);
  void start_move(const decide::Move& move, Instant at);
  void record(Instant at);
  void keep_figures(const SimulatedVm& vm);
  RunResult result(Instant end, bool complete);
  [[nodiscard]] std::vector<decide::NodeView> views() const;
  [[nodiscard]] std::optional<std::size_t> node_named(const std::string& name) const;

  ClusterPlan plan_;
  Settings settings_;
  SourceFactory sources_;
  PolicyFactory policies_;
  VmPool pool_;
  std::vector<Shown> shown_;                             // by VM
  std::vector<std::unique_ptr<SimulatedNode>> nodes_;
  std::vector<Moving> moving_;
  std::vector<std::optional<std::size_t>> where_;        // node of each VM
  std::vector<std::optional<Instant>> last_moved_;
  std::vector<std::uint32_t> lives_;                     // holders that a VM has had
  std::vector<std::size_t> waiting_, to_come_;           // to_come_: latest first
  struct Figures;
  std::vector<std::unique_ptr<Figures>> figures_;
  Timeline timeline_;
  double waited_ = 0;
};

}  // namespace neonvm::simulate
