#include "core/simulate/world.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <exception>
#include <numeric>
#include <thread>

#include "core/simulate/random.hpp"

namespace neonvm::simulate {

struct World::Figures {
  VmStatistics stats;
  Levels waits{0.01};
  std::string policy_error;
};

World::World(ClusterPlan plan, Settings settings, SourceFactory sources, PolicyFactory policies)
    : plan_(std::move(plan)), settings_(std::move(settings)), sources_(std::move(sources)), policies_(std::move(policies)) {}

World::~World() = default;

Status World::open() {
  for (const Node& node : plan_.nodes) {
    auto policy = policies_();
    if (!policy) return policy.error();
    nodes_.push_back(std::make_unique<SimulatedNode>(node, std::move(*policy)));
  }
  const std::size_t count = plan_.vms.size();
  where_.resize(count);
  shown_.resize(count);
  last_moved_.resize(count);
  lives_.resize(count);
  figures_.resize(count);
  to_come_.resize(count);
  std::iota(to_come_.begin(), to_come_.end(), 0u);
  std::stable_sort(to_come_.begin(), to_come_.end(), [&](std::size_t a, std::size_t b) {
    return plan_.vms[a].arrives != plan_.vms[b].arrives ? plan_.vms[a].arrives > plan_.vms[b].arrives : a > b;
  });
  return {};
}

Result<RunResult> World::run(double end, const ProgressCall& progress) {
  if (Status opened = open(); !opened) return opened.error();
  const Instant last = at_trace_second(end);
  Instant at = beginning;
  bool complete = true;
  while (at < last) {
    if (Status looked = look(at); !looked) return looked.error();
    const Instant until = std::min(at + settings_.scheduling, last);
    before_run(at, until);
    run_nodes(until);
    at = until;
    if (progress && !progress(trace_seconds(at), end)) {
      complete = at >= last;
      break;
    }
  }
  finish_moves(at);
  record(at);
  return result(at, complete);
}

void World::run_nodes(Instant until) {
  const std::size_t threads = std::min<std::size_t>(settings_.threads, nodes_.size());
  if (threads <= 1 || lockstep()) {
    for (auto& node : nodes_) node->run(until, lockstep());
    return;
  }
  std::atomic<std::size_t> next{0};
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t) {
    workers.emplace_back([&] {
      for (std::size_t i = next++; i < nodes_.size(); i = next++) nodes_[i]->run(until);
    });
  }
  for (std::thread& worker : workers) worker.join();
}

Status World::look(Instant at) {
  finish_moves(at);
  bury(at);
  if (Status placed = place_arrivals(at); !placed) return placed;
  start_moves(at);
  record(at);
  return {};
}

std::vector<decide::NodeView> World::views() const {
  std::vector<decide::NodeView> all;
  for (const auto& node : nodes_) all.push_back({node->node(), node->ledger().totals(node->node().name)});
  return all;
}

std::optional<std::size_t> World::node_named(const std::string& name) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i]->node().name == name) return i;
  return std::nullopt;
}

Status World::place(std::size_t index, Instant at) {
  VmPlan& plan = plan_.vms[index];
  const auto chosen = decide::choose_node(views(), {plan.start, plan.node_selector, "", ""}, settings_.score);
  if (!chosen) return chosen.error().at("VM " + plan.name);
  const auto node = node_named(*chosen);
  decide::Booking booking;
  booking.holder = plan.name + "/" + std::to_string(lives_[index]);
  booking.vm = plan.name;
  booking.node = *chosen;
  booking.granted = booking.actual = plan.start;
  booking.unit = settings_.compute_unit;
  if (Status booked = nodes_[*node]->ledger().reserve(booking); !booked) return booked.error().at("VM " + plan.name);
  shown_[index] = {};
  auto vm = pool_.make(plan, settings_, sources_(index), index, at, &shown_[index]);
  vm->set_holder(booking.holder);
  placed(*vm);
  where_[index] = node;
  nodes_[*node]->take(std::move(vm));
  return {};
}

Status World::place_arrivals(Instant at) {
  while (!to_come_.empty() && plan_.vms[to_come_.back()].arrives <= trace_seconds(at)) {
    waiting_.push_back(to_come_.back());
    to_come_.pop_back();
  }
  std::vector<std::size_t> still;
  for (const std::size_t index : waiting_) {
    const Status status = place(index, at);
    if (status) continue;
    if (at == beginning) {
      return Error{status.error().code, status.error().message + "; give the cluster more or larger nodes, or fewer VMs"};
    }
    still.push_back(index);
  }
  waited_ += static_cast<double>(still.size()) * seconds(settings_.scheduling);
  waiting_ = std::move(still);
  return {};
}

void World::keep_figures(const SimulatedVm& vm) {
  figures_[vm.index()] = std::make_unique<Figures>(Figures{vm.statistics(), vm.waits(), vm.policy_error()});
}

void World::bury(Instant) {
  for (auto& node : nodes_) {
    std::vector<std::size_t> gone;
    for (const std::size_t index : node->indexes())
      if (shown_[index].gone && !shown_[index].migrating) gone.push_back(index);
    for (const std::size_t index : gone) {
      const auto vm = node->give(index);
      keep_figures(*vm);
      node->ledger().released(vm->holder());
      where_[index].reset();
    }
  }
}

void World::record(Instant at) {
  TimePoint point;
  point.at = trace_seconds(at);
  for (const auto& node : nodes_) {
    for (const std::size_t index : node->indexes()) {
      const Shown& vm = shown_[index];
      point.cpu_granted += vm.actual.cpu.cpus();
      point.cpu_needed += vm.needed.cpu.cpus();
      point.memory_granted += static_cast<double>(vm.actual.memory.value);
      point.memory_needed += static_cast<double>(vm.needed.memory.value);
      point.vms += 1;
    }
  }
  timeline_.add(point);
}

namespace {

void stir(std::uint64_t& digest, double x) { digest = mixed(digest ^ std::bit_cast<std::uint64_t>(x)); }
void stir(std::uint64_t& digest, std::uint64_t x) { digest = mixed(digest ^ x); }

void stir(std::uint64_t& digest, const VmStatistics& s) {
  for (const double x : {s.alive, s.cpu_granted, s.cpu_used, s.cpu_needed, s.throttled, s.memory_granted, s.memory_needed,
                         s.units, s.oracle_units, s.short_seconds, s.downtime})
    stir(digest, x);
  for (const std::uint64_t x : {s.oom_kills, s.resizes, s.grows, s.grows_by_move, s.turns, s.migrations,
                                s.failed_migrations, s.refusals})
    stir(digest, x);
}

}  // namespace

RunResult World::result(Instant end, bool complete) {
  for (const auto& node : nodes_) {
    for (const auto& vm : node->vms()) {
      vm->bring_to(end);
      keep_figures(*vm);
    }
  }
  RunResult r;
  r.simulated = trace_seconds(end);
  r.complete = complete;
  r.waited_for_place = waited_;
  r.timeline = timeline_;
  for (const auto& figures : figures_) {
    if (figures == nullptr) {
      ++r.never_placed;
      continue;
    }
    ++r.vms;
    r.total.add(figures->stats);
    r.waits.add(figures->waits);
    r.fixed_units += fixed_units(figures->stats, 0.995, 0.2, settings_.compute_unit);
    if (r.policy_error.empty()) r.policy_error = figures->policy_error;
    stir(r.digest, figures->stats);
  }
  return r;
}

}  // namespace neonvm::simulate
