// The moving half of World: live migrations from nodes that are too full.
#include <algorithm>

#include "core/simulate/migration_model.hpp"
#include "core/simulate/world.hpp"

namespace neonvm::simulate {

std::vector<decide::Mover> World::movers_on(std::span<const std::size_t> nodes) const {
  std::vector<decide::Mover> movers;
  for (const std::size_t n : nodes) {
    for (const auto& vm : nodes_[n]->vms()) {
      const decide::Booking* booking = vm->booking(nodes_[n]->ledger());
      if (booking == nullptr || vm->migrating() || vm->gone()) continue;
      movers.push_back({vm->plan().name, nodes_[n]->node().name, reserved(*booking), vm->plan().may_migrate,
                        vm->plan().node_selector, last_moved_[vm->index()]});
    }
  }
  return movers;
}

// Nodes are relieved one after the other until so many moves are under way as may be, so most of those that are too full
// need not be looked at: with the movers of the first few alone, the plan is the beginning of the whole plan.
void World::start_moves(Instant at) {
  const std::size_t most = settings_.moves.at_once;
  if (moving_.size() >= most) return;
  const std::vector<decide::NodeView> all = views();
  std::vector<std::size_t> full;
  for (std::size_t n = 0; n < all.size(); ++n)
    if (all[n].totals.excess() != Resources{}) full.push_back(n);
  if (full.empty()) return;
  std::vector<decide::MoveUnderWay> under_way;
  for (const Moving& m : moving_) under_way.push_back({nodes_[m.from]->node().name, nodes_[m.to]->node().name});
  decide::MovePlan plan;
  for (std::size_t looked = 0; looked < full.size() && moving_.size() + plan.moves.size() < most;) {
    looked = std::min(full.size(), std::max<std::size_t>(4, looked * 4));
    plan = decide::choose_moves(all, movers_on(std::span(full).first(looked)), under_way, settings_.score, settings_.moves, at);
  }
  for (const decide::Move& move : plan.moves) start_move(move, at);
}

void World::start_move(const decide::Move& move, Instant at) {
  const auto from = node_named(move.from), to = node_named(move.to);
  if (!from || !to) return;
  SimulatedVm* vm = nullptr;
  for (const auto& each : nodes_[*from]->vms())
    if (each->plan().name == move.vm) vm = each.get();
  if (vm == nullptr) return;
  const decide::Booking* source = nodes_[*from]->ledger().find(vm->holder());
  decide::Booking target = *source;
  target.holder = vm->plan().name + "/" + std::to_string(++lives_[vm->index()]);
  target.node = move.to;
  target.granted = reserved(*source);
  if (!nodes_[*to]->ledger().reserve(target)) return;
  nodes_[*from]->ledger().leaving_seen(vm->holder(), true);
  last_moved_[vm->index()] = at;
  vm->migration_began(at);
  const Copy copy = copy_of(vm->guest().used() + vm->guest().file(), std::min(vm->demand().cpu, vm->actual().cpu.cpus()),
                            settings_.network.bandwidth, settings_.network);
  moving_.push_back({vm->index(), *from, *to, at + from_seconds(copy.seconds), copy.fails, copy.downtime, target.holder});
}

void World::finish_moves(Instant at) {
  std::vector<Moving> still;
  for (const Moving& move : moving_) {
    if (move.ends > at) still.push_back(move);
    else finish_move(move, at);
  }
  moving_ = std::move(still);
}

void World::finish_move(const Moving& move, Instant at) {
  SimulatedNode& from = *nodes_[move.from];
  SimulatedNode& to = *nodes_[move.to];
  SimulatedVm* vm = from.find(move.vm);
  last_moved_[move.vm] = at;
  if (vm == nullptr) {
    to.ledger().released(move.target_holder);
    return;
  }
  if (move.fails || vm->gone()) {
    to.ledger().released(move.target_holder);
    from.ledger().leaving_seen(vm->holder(), false);
    vm->migration_ended(at, false, 0);
    return;
  }
  vm->migration_ended(at, true, move.downtime);
  auto moved = from.give(move.vm);
  from.ledger().released(moved->holder());
  moved->set_holder(move.target_holder);
  to.ledger().actual_seen(move.target_holder, moved->actual());
  where_[move.vm] = move.to;
  // It states to its new node what it holds and what it was allowed.
  (void)to.ledger().ask(move.target_holder, moved->scaling().permit().value_or(moved->scaling().held()),
                        settings_.compute_unit, moved->scaling().permit(), at);
  to.take(std::move(moved));
}

}  // namespace neonvm::simulate
