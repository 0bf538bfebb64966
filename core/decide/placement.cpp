#include "core/decide/placement.hpp"

#include <algorithm>
#include <utility>

namespace neonvm::decide {
namespace {

constexpr std::size_t most_named = 8;    // nodes in one message

double share(double part, double whole) { return whole > 0 ? part / whole : (part > 0 ? 2.0 : 0.0); }

double field_score(double used, double total, double largest, const ScoreSettings& settings) {
  const double f = share(used, total);
  if (f > 1) return 0;
  const double y = usage_score(f, settings);
  return settings.rule == PlacementRule::peak ? y * share(total, largest) : y;
}

Resources largest_of(const std::vector<const NodeView*>& nodes) {
  Resources largest;
  for (const NodeView* view : nodes) largest = field_max(largest, view->totals.capacity);
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

double usage_score(double f, const ScoreSettings& s) {
  switch (s.rule) {
    case PlacementRule::pack: return f;
    case PlacementRule::spread: return 1 - f;
    case PlacementRule::peak: break;
  }
  if (f < s.score_peak) return s.min_usage_score + (1 - s.min_usage_score) / s.score_peak * f;
  if (f > s.score_peak) return s.max_usage_score + (1 - s.max_usage_score) / (1 - s.score_peak) * (1 - f);
  return 1;
}

bool selected(const Node& node, const std::map<std::string, std::string>& selector) {
  return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    const auto label = node.labels.find(wanted.first);
    return label != node.labels.end() && label->second == wanted.second;
  });
}

std::string_view excluded(const Node& node, const PlacementWish& wish) {
  if (!wish.node.empty() && node.name != wish.node) return "is not the one named";
  if (!wish.away_from.empty() && node.name == wish.away_from) return "is the one to leave";
  if (!node.schedulable) return "takes no new VMs";
  if (!selected(node, wish.node_selector)) return "lacks a label that the VM asks for";
  return {};
}

bool has_room(const NodeTotals& totals, const Resources& size) { return !totals.full && fits_in(size, totals.free()); }

int score(const NodeTotals& totals, const Resources& size, const Resources& largest, const ScoreSettings& settings) {
  const Resources used = totals.reserved + size;
  const Resources& total = totals.capacity;
  const double cpu = field_score(used.cpu.value, total.cpu.value, largest.cpu.value, settings);
  const double memory = field_score(static_cast<double>(used.memory.value), static_cast<double>(total.memory.value),
                                    static_cast<double>(largest.memory.value), settings);
  const double worse = std::min(cpu, memory);
  // Settings out of their range may lead anywhere.
  if (!(worse > 0)) return 0;
  // 0.87 * 100 is 86.999… in binary: a hair is added so that whole results stay whole.
  return worse >= 1 ? 100 : static_cast<int>(100 * worse + 1e-9);
}

Verdict judge(const NodeTotals& totals, const Resources& size) {
  if (!fits_in(size, totals.capacity))
    return {"has " + to_string(totals.capacity) + " in all, and " + to_string(size) + " is needed", true};
  if (fits_in(size, totals.free())) return {};
  std::string why = "lacks " + shortage(size, totals.free()) + " beside what its VMs and pods have reserved";
  if (totals.leased != Resources{}) why += "; " + to_string(totals.leased) + " is kept for what may have been promised";
  return {std::move(why), false};
}

const NodeView* best_node(const std::vector<const NodeView*>& nodes, const PlacementWish& wish,
                          const ScoreSettings& settings) {
  const Resources largest = largest_of(nodes);
  std::optional<Ranked> best;
  for (const NodeView* view : nodes) {
    if (!has_room(view->totals, wish.size) || !excluded(view->node, wish).empty()) continue;
    const Ranked ranked{view, score(view->totals, wish.size, largest, settings)};
    if (!best || better(ranked, *best)) best = ranked;
  }
  return best ? best->view : nullptr;
}

Error why_no_node(std::vector<const NodeView*> nodes, const PlacementWish& wish) {
  const auto is_named = [&](const NodeView* view) { return wish.node.empty() || view->node.name == wish.node; };
  if (!wish.node.empty() && std::none_of(nodes.begin(), nodes.end(), is_named))
    return Error{Code::not_found, "there is no node " + wish.node};
  if (nodes.empty()) return Error{Code::out_of_capacity, "there is no node yet"};
  const bool possible = std::any_of(nodes.begin(), nodes.end(),
                                    [&](const NodeView* view) { return excluded(view->node, wish).empty(); });
  std::erase_if(nodes, [&](const NodeView* view) { return !is_named(view); });
  const std::size_t shown = std::min(nodes.size(), most_named);
  std::partial_sort(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(shown), nodes.end(),
                    [](const NodeView* a, const NodeView* b) { return a->node.name < b->node.name; });
  std::string why;
  for (std::size_t i = 0; i < shown; ++i) {
    const NodeView& view = *nodes[i];
    const std::string_view no = excluded(view.node, wish);
    why += (i == 0 ? "" : "; ") + view.node.name + " ";
    if (no.empty() && view.totals.full) why += "has as many pods as it takes";
    else why += no.empty() ? "lacks " + shortage(wish.size, view.totals.free()) : std::string(no);
  }
  if (nodes.size() > shown) why += "; and " + std::to_string(nodes.size() - shown) + " more";
  if (!possible) return Error{Code::refused, "no node may take it: " + why};
  return Error{Code::out_of_capacity, "no node has " + to_string(wish.size) + " free: " + why};
}

Result<std::string> choose_node(const std::vector<NodeView>& nodes, const PlacementWish& wish,
                                const ScoreSettings& settings) {
  std::vector<const NodeView*> views;
  views.reserve(nodes.size());
  for (const NodeView& view : nodes) views.push_back(&view);
  if (const NodeView* best = best_node(views, wish, settings)) return best->node.name;
  return why_no_node(std::move(views), wish);
}

}  // namespace neonvm::decide
