#include "core/decide/placement_index.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace neonvm::decide {
namespace {

constexpr std::uint32_t leaf_size = 8;
constexpr int dimensions = 4;
constexpr double hair = 1e-7;            // more than all rounding on the way

double share(double part, double whole) { return whole > 0 ? part / whole : (part > 0 ? 2.0 : 0.0); }
double inverse(double value) { return value > 0 ? 1 / value : 0; }
double number(Bytes bytes) { return static_cast<double>(bytes.value); }

}  // namespace

struct PlacementIndex::Best {
  const NodeView* view = nullptr;
  int score = -1;
  Bytes free;

  // Whether something with this score, so much free memory and this name could be better.
  [[nodiscard]] bool beaten_by(int other, Bytes its_free, const std::string& its_name) const {
    if (view == nullptr || other != score) return other > score;
    if (its_free != free) return its_free > free;
    return its_name < view->node.name;
  }
};

void PlacementIndex::Range::add(double value) {
  low = std::min(low, value);
  high = std::max(high, value);
}
void PlacementIndex::Range::add(const Range& other) {
  low = std::min(low, other.low);
  high = std::max(high, other.high);
}

void PlacementIndex::Box::add(const NodeView& view) {
  const NodeTotals& t = view.totals;
  const double cpu = t.capacity.cpu.value, memory = number(t.capacity.memory);
  empty = false;
  free = field_max(free, t.free());
  capacity = field_max(capacity, t.capacity);
  cpu_use.add(share(t.reserved.cpu.value, cpu));
  memory_use.add(share(number(t.reserved.memory), memory));
  per_cpu.add(inverse(cpu));
  per_memory.add(inverse(memory));
}

void PlacementIndex::Box::add(const Box& other) {
  if (other.empty) return;
  empty = false;
  free = field_max(free, other.free);
  capacity = field_max(capacity, other.capacity);
  cpu_use.add(other.cpu_use);
  memory_use.add(other.memory_use);
  per_cpu.add(other.per_cpu);
  per_memory.add(other.per_memory);
}

PlacementIndex::PlacementIndex(ScoreSettings settings) : settings_(settings) {}

void PlacementIndex::node_changed(const NodeView& view) {
  const auto [at, is_new] = by_name_.try_emplace(view.node.name, 0);
  if (is_new) {
    if (unused_.empty()) {
      at->second = static_cast<std::uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      at->second = unused_.back();
      unused_.pop_back();
    }
    stale_ = true;
  }
  Entry& entry = entries_[at->second];
  const bool other_size = is_new || !(entry.view.totals.capacity == view.totals.capacity);
  entry.view = view;
  entry.present = true;
  if (other_size) find_largest();
  changed(entry);
}

void PlacementIndex::totals_changed(const std::string& node, const NodeTotals& totals) {
  const auto at = by_name_.find(node);
  if (at == by_name_.end()) return;
  Entry& entry = entries_[at->second];
  const bool other_size = !(entry.view.totals.capacity == totals.capacity);
  entry.view.totals = totals;
  if (other_size) find_largest();
  changed(entry);
}

void PlacementIndex::node_gone(const std::string& node) {
  const auto at = by_name_.find(node);
  if (at == by_name_.end()) return;
  entries_[at->second] = Entry{};
  unused_.push_back(at->second);
  by_name_.erase(at);
  stale_ = true;
  find_largest();
}

void PlacementIndex::follow(Ledger& ledger) {
  for (const std::string& name : ledger.take_changed()) {
    const auto node = ledger.nodes().find(name);
    if (node == ledger.nodes().end()) {
      node_gone(name);
      continue;
    }
    const auto known = by_name_.find(name);
    const bool same = known != by_name_.end() && entries_[known->second].view.node == node->second;
    if (same) totals_changed(name, ledger.totals(name));
    else node_changed({node->second, ledger.totals(name)});
  }
}

void PlacementIndex::find_largest() {
  largest_ = {};
  for (const Entry& entry : entries_)
    if (entry.present) largest_ = field_max(largest_, entry.view.totals.capacity);
}

void PlacementIndex::refresh(Branch& leaf) {
  leaf.box = {};
  for (std::uint32_t i = leaf.begin; i < leaf.end; ++i) {
    const Entry& entry = entries_[order_[i]];
    if (entry.view.node.schedulable && !entry.view.totals.full) leaf.box.add(entry.view);
  }
}

void PlacementIndex::changed(Entry& entry) {
  if (stale_) return;
  refresh(branches_[static_cast<std::size_t>(entry.leaf)]);
  for (std::int32_t at = branches_[static_cast<std::size_t>(entry.leaf)].parent; at >= 0;) {
    Branch& branch = branches_[static_cast<std::size_t>(at)];
    branch.box = branches_[static_cast<std::size_t>(branch.left)].box;
    branch.box.add(branches_[static_cast<std::size_t>(branch.right)].box);
    at = branch.parent;
  }
  if (++changes_ > 64 + entries_.size() / 2) stale_ = true;
}

double PlacementIndex::coordinate(const NodeView& view, int dimension) const {
  const NodeTotals& t = view.totals;
  switch (dimension) {
    case 0: return share(t.reserved.cpu.value, t.capacity.cpu.value);
    case 1: return share(number(t.reserved.memory), number(t.capacity.memory));
    case 2: return share(t.capacity.cpu.value, largest_.cpu.value);
    default: return share(number(t.capacity.memory), number(largest_.memory));
  }
}

void PlacementIndex::sort_anew() {
  branches_.clear();
  order_.clear();
  for (std::uint32_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].present) order_.push_back(i);
  if (!order_.empty()) build(0, static_cast<std::uint32_t>(order_.size()), -1);
  stale_ = false;
  changes_ = 0;
}

std::int32_t PlacementIndex::build(std::uint32_t begin, std::uint32_t end, std::int32_t parent) {
  const auto me = static_cast<std::int32_t>(branches_.size());
  branches_.emplace_back();
  const auto self = [&]() -> Branch& { return branches_[static_cast<std::size_t>(me)]; };
  self().parent = parent;
  for (std::uint32_t i = begin; i < end; ++i) {
    const std::string& name = entries_[order_[i]].view.node.name;
    if (self().first_name == nullptr || name < *self().first_name) self().first_name = &name;
  }
  if (end - begin <= leaf_size) {
    self().begin = begin;
    self().end = end;
    for (std::uint32_t i = begin; i < end; ++i) entries_[order_[i]].leaf = me;
    refresh(self());
    return me;
  }
  int widest = 0;
  double width = -1;
  for (int d = 0; d < dimensions; ++d) {
    Range range;
    for (std::uint32_t i = begin; i < end; ++i) range.add(coordinate(entries_[order_[i]].view, d));
    if (range.high - range.low > width) width = range.high - range.low, widest = d;
  }
  const std::uint32_t middle = begin + (end - begin) / 2;
  std::nth_element(order_.begin() + begin, order_.begin() + middle, order_.begin() + end, [&](std::uint32_t a, std::uint32_t b) {
    return coordinate(entries_[a].view, widest) < coordinate(entries_[b].view, widest);
  });
  const std::int32_t left = build(begin, middle, me), right = build(middle, end, me);
  self().left = left;
  self().right = right;
  self().box = branches_[static_cast<std::size_t>(left)].box;
  self().box.add(branches_[static_cast<std::size_t>(right)].box);
  return me;
}

// The most that any node below may score; -1: none has room.
int PlacementIndex::bound(const Box& box, const Resources& size) const {
  if (box.empty || !fits_in(size, box.free)) return -1;
  const auto best = [&](const Range& use, const Range& per, double more, double total, double largest) {
    const double low = std::clamp(use.low + more * per.low - hair, 0.0, 1.0);
    if (settings_.rule == PlacementRule::spread) return 1 - low;
    const double high = std::min(use.high + more * per.high + hair, 1.0);
    if (settings_.rule == PlacementRule::pack) return high;
    const bool over_the_top = low <= settings_.score_peak && settings_.score_peak <= high;
    const double y = std::max(usage_score(low, settings_), usage_score(high, settings_));
    return (over_the_top ? std::max(y, 1.0) : y) * share(total, largest);
  };
  const double cpu = best(box.cpu_use, box.per_cpu, size.cpu.value, box.capacity.cpu.value, largest_.cpu.value);
  const double memory = best(box.memory_use, box.per_memory, number(size.memory), number(box.capacity.memory), number(largest_.memory));
  const double worse = std::min(cpu, memory) + hair;
  // Settings out of their range may lead anywhere: look and see.
  if (std::isnan(worse) || worse >= 1) return 100;
  return worse <= 0 ? 0 : static_cast<int>(100 * worse);
}

void PlacementIndex::look_at(const Entry& entry, const PlacementWish& wish, Best& best) {
  ++looked_at_;
  const NodeTotals& t = entry.view.totals;
  if (!has_room(t, wish.size) || !excluded(entry.view.node, wish).empty()) return;
  const int points = score(t, wish.size, largest_, settings_);
  if (best.beaten_by(points, t.free().memory, entry.view.node.name)) best = {&entry.view, points, t.free().memory};
}

void PlacementIndex::search(std::int32_t at, const PlacementWish& wish, Best& best) {
  const Branch& branch = branches_[static_cast<std::size_t>(at)];
  if (branch.left < 0) {
    for (std::uint32_t i = branch.begin; i < branch.end; ++i) look_at(entries_[order_[i]], wish, best);
    return;
  }
  struct Way {
    std::int32_t to;
    int bound;
    const Branch* branch;
  };
  const auto way = [&](std::int32_t to) {
    const Branch& below = branches_[static_cast<std::size_t>(to)];
    return Way{to, bound(below.box, wish.size), &below};
  };
  Way ways[] = {way(branch.left), way(branch.right)};
  const auto promises_more = [](const Way& a, const Way& b) {
    if (a.bound != b.bound) return a.bound > b.bound;
    if (a.branch->box.free.memory != b.branch->box.free.memory) return a.branch->box.free.memory > b.branch->box.free.memory;
    return *a.branch->first_name < *b.branch->first_name;
  };
  if (promises_more(ways[1], ways[0])) std::swap(ways[0], ways[1]);
  for (const Way& next : ways)
    if (next.bound >= 0 && best.beaten_by(next.bound, next.branch->box.free.memory, *next.branch->first_name))
      search(next.to, wish, best);
}

Result<std::string> PlacementIndex::choose(const PlacementWish& wish) {
  Best best;
  if (!wish.node.empty()) {
    if (const auto at = by_name_.find(wish.node); at != by_name_.end()) look_at(entries_[at->second], wish, best);
  } else {
    if (stale_) sort_anew();
    if (!branches_.empty()) search(0, wish, best);
  }
  if (best.view != nullptr) return best.view->node.name;
  std::vector<const NodeView*> all;
  for (const Entry& entry : entries_)
    if (entry.present) all.push_back(&entry.view);
  return why_no_node(std::move(all), wish);
}

}  // namespace neonvm::decide
