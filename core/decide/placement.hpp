// Placement: which node takes a new VM, and which VMs leave a node that is too full.
//
// Called by daemon/scheduler and simulate; pure. Input is what the ledger says of the nodes; ties are broken by the
// larger free memory, then by the name, so that the same world gives the same answer.
//
// Laws: nothing is placed where it does not fit; nobody is moved to a node that would then be above its own watermark
// (so nothing comes back while sizes stay), nor again before `rest` is over, nor while `at_once` moves are under way; a
// move is chosen only if it lowers what is above the watermark; nobody is moved who grows faster than he can be copied.
//
// Growth against speed: moving a VM takes size / (speed - its growth). Meanwhile those who stay grow too, so a VM is
// enough only if it covers what the node is above its watermark by then; and its target must hold it as large as it
// will be on arrival, and rather as large as it will be when its rest is over.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/decide/ledger.hpp"
#include "core/model/instant.hpp"
#include "core/model/node.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::decide {

enum class PlacementRule {
  peak,      // upstream's: best at `peak` of use, worse on both sides
  pack,      // the fullest node that has room: whole nodes stay free
  spread,    // the emptiest: the most room to grow in place
};
std::optional<PlacementRule> placement_rule_from(std::string_view text);

struct ScoreSettings {
  PlacementRule rule = PlacementRule::peak;
  double min_usage_score = 0.5;  // at 0 % use
  double max_usage_score = 0;    // at 100 %
  double score_peak = 0.8;       // share of use with score 1
};

struct NodeView {
  Node node;
  NodeTotals totals;
};
std::vector<NodeView> views_of(const Ledger& ledger);

struct PlacementWish {
  Resources size;
  std::map<std::string, std::string> node_selector;
  std::string node;              // only this one; empty: any
  std::string away_from;         // not this one; empty: any
};

// 0..1, at best 1, for a share of use by the rule alone: rises up to its best and falls after it.
double usage_score(double share_of_use, const ScoreSettings& settings);
// 0..100 for a node after `size` has been added, by the rule; the worse of CPU and memory. `largest`: the most CPU and
// memory that any of the nodes has, so that large nodes are preferred by `peak`.
int score(const NodeTotals& totals, const Resources& size, const Resources& largest, const ScoreSettings& settings);

bool has_room(const NodeTotals& totals, const Resources& size);

// Why a node may never take it, whatever its use; empty: it may.
std::string_view excluded(const Node& node, const PlacementWish& wish);

// Whether `size` may come to a node besides what has it already. lasting: not even an empty one would have room.
struct Verdict {
  std::string why;               // it may not; empty: it may
  bool lasting = false;
};
Verdict judge(const NodeTotals& totals, const Resources& size);

// The node that the rule likes best among those that may take it and have room; null: none. Cost: looks at all of them;
// PlacementIndex answers the same for large worlds.
const NodeView* best_node(const std::vector<const NodeView*>& nodes, const PlacementWish& wish,
                          const ScoreSettings& settings);
// Why there is none. not_found: the named node does not exist; refused: no node may take it; out_of_capacity: none has
// room. The message says of each node what it lacks; of many, of the first by name.
Error why_no_node(std::vector<const NodeView*> nodes, const PlacementWish& wish);
// The name of best_node, or why there is none.
Result<std::string> choose_node(const std::vector<NodeView>& nodes, const PlacementWish& wish,
                                const ScoreSettings& settings);

struct MoveSettings {
  std::size_t at_once = 2;                            // in all
  std::size_t at_once_per_node = 1;                   // from or to
  Duration rest = std::chrono::minutes(5);            // a VM that moved, or failed to, is left in peace
  Bytes speed{256 * mib};                             // that a migration copies in a second; 0: growth is not weighed
};

struct Mover {
  std::string vm;                // name
  std::string node;
  Resources size;                // reserved
  bool may_migrate = false;
  std::map<std::string, std::string> node_selector;
  std::optional<Instant> last_moved;   // tried to
  Bytes growth{};                      // of its memory, in a second; 0: not known, or none
};

struct MoveUnderWay {
  std::string from, to;          // to: empty while it is not known
};

struct Move {
  std::string vm;
  std::string from, to;
  std::string why;
};

// What the movers and moves imply for nodes above their watermark, best first. `pinned`: why a node stays above it, for
// people, keyed by node.
struct MovePlan {
  std::vector<Move> moves;
  std::map<std::string, std::string> pinned;
  std::optional<Instant> look_again;                  // when somebody's rest is over
};
MovePlan choose_moves(const std::vector<NodeView>& nodes, const std::vector<Mover>& movers,
                      const std::vector<MoveUnderWay>& under_way, const ScoreSettings& score_settings,
                      const MoveSettings& settings, Instant now);

}  // namespace neonvm::decide
