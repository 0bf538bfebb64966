// What the scheduler knows, to be looked at.
#include <algorithm>

#include "core/daemon/scheduler.hpp"

namespace neonvm::daemon {

wire::SchedulerState Scheduler::state() const {
  wire::SchedulerState state;
  state.not_ready = why_not_ready();
  std::map<std::string, wire::NodeState> nodes;
  for (const auto& [name, node] : ledger_.nodes()) nodes[name];
  // Of nodes that are gone as well, while somebody is booked there.
  for (const auto& [name, booking] : ledger_.bookings()) {
    nodes[booking.node].holders.push_back({name, booking.vm, booking.granted, booking.actual, booking.overhead, taken(booking),
                                           booking.overcommit, booking.leaving, booking.confirmed});
  }
  for (auto& [name, node] : nodes) {
    const decide::NodeTotals totals = ledger_.totals(name);
    node.name = name;
    node.capacity = totals.capacity;
    node.reserved = totals.reserved;
    node.leaving = totals.leaving;
    node.leased = totals.leased;
    node.watermark = totals.watermark;
    if (const auto why = pinned_.find(name); why != pinned_.end()) node.pinned = why->second;
    std::sort(node.holders.begin(), node.holders.end(), [](const auto& a, const auto& b) { return a.holder < b.holder; });
    state.nodes.push_back(std::move(node));
  }
  for (const auto& [holder, until] : unseen_until_) state.kept.push_back(holder);
  return state;
}

}  // namespace neonvm::daemon
