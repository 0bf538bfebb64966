#include "core/decide/placement.hpp"

#include <algorithm>

namespace neonvm::decide {
namespace {

double share(double part, double whole) { return whole > 0 ? part / whole : (part > 0 ? 2.0 : 0.0); }

// Rises from y0 at 0 to 1 at the peak, falls to y1 at full use.
double peaked(double f, const ScoreSettings& s) {
  if (f < s.score_peak) return s.min_usage_score + (1 - s.min_usage_score) / s.score_peak * f;
  if (f > s.score_peak) return s.max_usage_score + (1 - s.max_usage_score) / (1 - s.score_peak) * (1 - f);
  return 1;
}

double field_score(double used, double total, double largest, const ScoreSettings& settings) {
  const double f = share(used, total);
  if (f > 1) return 0;
  switch (settings.rule) {
    case PlacementRule::peak: return peaked(f, settings) * share(total, largest);
    case PlacementRule::pack: return f;
    case PlacementRule::spread: return 1 - f;
  }
  return 0;
}

bool selected(const Node& node, const std::map<std::string, std::string>& selector) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    const auto label = node.labels.find(wanted.first);
    return label != node.labels.end() && label->second == wanted.second;
  });
}

// Why a node may never take it, whatever its use; empty: it may.
std::string excluded(const Node& node, const PlacementWish& wish) {
  if (!wish.node.empty() && node.name != wish.node) return "is not the one named";
  if (!wish.away_from.empty() && node.name == wish.away_from) return "is the one to leave";
  if (!node.schedulable) return "takes no new VMs";
  if (!selected(node, wish.node_selector)) return "lacks a label that the VM asks for";
  return {};
}

bool has_room(const NodeView& view, const Resources& size) {
  return fits_in(size, view.totals.free());
}

Resources largest_of(const std::vector<NodeView>& nodes) {
  Resources largest;
  for (const NodeView& view : nodes) largest = field_max(largest, view.totals.capacity);
  return largest;
}

struct Ranked {
  const NodeView* view;
  int score;
};

bool better(const Ranked& a, const Ranked& b) {
  if (a.score != b.score) return a.score > b.score;
  const Bytes free_a = a.view->totals.free().memory, free_b = b.view->totals.free().memory;
  if (free_a != free_b) return free_a > free_b;
  return a.view->node.name < b.view->node.name;
}

}  // namespace

std::optional<PlacementRule> placement_rule_from(std::string_view text) {
  if (text == "peak") return PlacementRule::peak;
  if (text == "pack") return PlacementRule::pack;
  if (text == "spread") return PlacementRule::spread;
  return std::nullopt;
}

std::vector<NodeView> views_of(const Ledger& ledger) {
  std::vector<NodeView> views;
  for (const auto& [name, node] : ledger.nodes()) views.push_back({node, ledger.totals(name)});
  return views;
}

int score(const NodeView& view, const Resources& size, const Resources& largest, const ScoreSettings& settings) {
  const Resources used = view.totals.reserved + size;
  const Resources& total = view.totals.capacity;
  const double cpu = field_score(used.cpu.value, total.cpu.value, largest.cpu.value, settings);
  const double memory = field_score(static_cast<double>(used.memory.value), static_cast<double>(total.memory.value),
                                    static_cast<double>(largest.memory.value), settings);
  // 0.87 * 100 is 86.999… in binary: a hair is added so that whole results stay whole.
  return static_cast<int>(100 * std::min(cpu, memory) + 1e-9);
}

Result<std::string> choose_node(const std::vector<NodeView>& nodes, const PlacementWish& wish,
                                const ScoreSettings& settings) {
  const Resources largest = largest_of(nodes);
  std::optional<Ranked> best;
  bool possible = false, named = false;
  std::string why;
  for (const NodeView& view : nodes) {
    named = named || view.node.name == wish.node;
    std::string no = excluded(view.node, wish);
    if (no.empty()) {
      possible = true;
      if (has_room(view, wish.size)) {
        const Ranked ranked{&view, score(view, wish.size, largest, settings)};
        if (!best || better(ranked, *best)) best = ranked;
        continue;
      }
      no = "lacks " + shortage(wish.size, view.totals.free());
    } else if (!wish.node.empty() && view.node.name != wish.node) {
      continue;
    }
    why += (why.empty() ? "" : "; ") + view.node.name + " " + no;
  }
  if (best) return best->view->node.name;
  if (!wish.node.empty() && !named) return Error{Code::not_found, "there is no node " + wish.node};
  const std::string size = to_string(wish.size);
  if (nodes.empty()) return Error{Code::out_of_capacity, "there is no node yet"};
  if (!possible) return Error{Code::refused, "no node may take it: " + why};
  return Error{Code::out_of_capacity, "no node has " + size + " free: " + why};
}

namespace {

// One round of choosing: the views change with every move that is planned.
class Movement {
 public:
  Movement(std::vector<NodeView> nodes, const std::vector<Mover>& movers, const ScoreSettings& score_settings,
           const MoveSettings& settings, Instant now)
      : nodes_(std::move(nodes)), movers_(movers), score_(score_settings), settings_(settings), now_(now) {}

  MovePlan plan(const std::vector<MoveUnderWay>& under_way) {
    for (const MoveUnderWay& move : under_way) count(move.from, move.to);
    for (NodeView& view : nodes_)
      while (above(view) && relieve(view)) continue;
    return std::move(plan_);
  }

 private:
  static bool above(const NodeView& view) { return view.totals.excess() != Resources{}; }

  void count(const std::string& from, const std::string& to) {
    ++moving_;
    ++busy_[from];
    if (!to.empty() && to != from) ++busy_[to];
  }

  bool rests(const Mover& mover) {
    if (!mover.last_moved || *mover.last_moved + settings_.rest <= now_) return false;
    const Instant over = *mover.last_moved + settings_.rest;
    if (!plan_.look_again || over < *plan_.look_again) plan_.look_again = over;
    return true;
  }

  // Where it fits without bringing that node above its own watermark.
  std::optional<std::string> target_for(const Mover& mover) const {
    std::vector<NodeView> fit;
    for (const NodeView& view : nodes_) {
      const auto busy = busy_.find(view.node.name);
      const bool free_hands = busy == busy_.end() || busy->second < settings_.at_once_per_node;
      const Resources after = view.totals.reserved + mover.size;
      if (free_hands && fits_in(after, view.totals.watermark)) fit.push_back(view);
    }
    const auto chosen = choose_node(fit, {mover.size, mover.node_selector, "", mover.node}, score_);
    return chosen ? std::optional(chosen.value()) : std::nullopt;
  }

  // The smallest VM that is enough by itself, else the largest there is.
  static bool first(const Mover& a, const Mover& b, const Resources& excess) {
    const bool enough_a = fits_in(excess, a.size), enough_b = fits_in(excess, b.size);
    if (enough_a != enough_b) return enough_a;
    if (a.size.memory != b.size.memory) return (a.size.memory < b.size.memory) == enough_a;
    if (a.size.cpu != b.size.cpu) return (a.size.cpu < b.size.cpu) == enough_a;
    return a.vm < b.vm;
  }

  bool relieve(NodeView& view) {
    const Resources excess = view.totals.excess();
    const std::string& from = view.node.name;
    if (moving_ >= settings_.at_once || busy_[from] >= settings_.at_once_per_node) {
      plan_.pinned[from] = "waits for moves under way";
      return false;
    }
    std::vector<const Mover*> candidates;
    for (const Mover& mover : movers_) {
      const bool helps = field_min(mover.size, excess) != Resources{};
      if (mover.node == from && mover.may_migrate && helps && !gone_.count(mover.vm) && !rests(mover))
        candidates.push_back(&mover);
    }
    std::sort(candidates.begin(), candidates.end(), [&](const Mover* a, const Mover* b) { return first(*a, *b, excess); });
    for (const Mover* mover : candidates) {
      const auto to = target_for(*mover);
      if (to) return move(view, *mover, *to), true;
    }
    plan_.pinned[from] = candidates.empty() ? "no VM on it may leave now" : "no other node has room below its watermark";
    return false;
  }

  void move(NodeView& view, const Mover& mover, const std::string& to) {
    plan_.moves.push_back({mover.vm, mover.node, to,
                           mover.node + " is " + to_string(view.totals.excess()) + " above its watermark"});
    gone_[mover.vm] = true;
    count(mover.node, to);
    view.totals.leaving = view.totals.leaving + mover.size;
    for (NodeView& other : nodes_)
      if (other.node.name == to) other.totals.reserved = other.totals.reserved + mover.size;
  }

  std::vector<NodeView> nodes_;
  const std::vector<Mover>& movers_;
  const ScoreSettings& score_;
  const MoveSettings& settings_;
  Instant now_;
  std::map<std::string, std::size_t> busy_;
  std::map<std::string, bool> gone_;
  std::size_t moving_ = 0;
  MovePlan plan_;
};

}  // namespace

MovePlan choose_moves(const std::vector<NodeView>& nodes, const std::vector<Mover>& movers,
                      const std::vector<MoveUnderWay>& under_way, const ScoreSettings& score_settings,
                      const MoveSettings& settings, Instant now) {
  return Movement(nodes, movers, score_settings, settings, now).plan(under_way);
}

}  // namespace neonvm::decide
