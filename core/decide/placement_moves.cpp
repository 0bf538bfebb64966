// Which VMs leave nodes above their watermarks, and for where.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/decide/placement.hpp"

namespace neonvm::decide {
namespace {

// So near to the speed of the copy, a copy comes to no end.
constexpr double fast_growth = 0.9;

// One round of choosing: the views change with every move that is planned.
class Movement {
 public:
  Movement(std::vector<NodeView> nodes, const std::vector<Mover>& movers, const ScoreSettings& score_settings,
           const MoveSettings& settings, Instant now)
      : nodes_(std::move(nodes)), score_(score_settings), settings_(settings), now_(now) {
    for (const Mover& mover : movers) on_[mover.node].push_back(&mover);
  }

  MovePlan plan(const std::vector<MoveUnderWay>& under_way) {
    for (const MoveUnderWay& move : under_way) count(move.from, move.to);
    for (NodeView& view : nodes_)
      while (view.totals.excess() != Resources{} && relieve(view)) continue;
    return std::move(plan_);
  }

 private:
  struct Candidate {
    const Mover* mover;
    double takes = 0;          // seconds, as far as is known
    bool enough = false;       // by itself
  };

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

  [[nodiscard]] double speed() const { return static_cast<double>(settings_.speed.value); }
  [[nodiscard]] bool outruns(const Mover& mover) const {
    return settings_.speed.value != 0 && static_cast<double>(mover.growth.value) >= fast_growth * speed();
  }
  [[nodiscard]] double seconds_to_move(const Mover& mover) const {
    if (settings_.speed.value == 0) return 0;
    return static_cast<double>(mover.size.memory.value) / (speed() - static_cast<double>(mover.growth.value));
  }
  static Bytes grown(Bytes growth, double seconds) {
    const double more = static_cast<double>(growth.value) * seconds;
    return Bytes{more < 1e18 ? static_cast<std::uint64_t>(more) : std::uint64_t{1} << 60};
  }

  // Where it fits, so large, without bringing that node above its own watermark.
  const NodeView* target_for(const Mover& mover, const Resources& size) const {
    std::vector<const NodeView*> fit;
    for (const NodeView& view : nodes_) {
      const auto busy = busy_.find(view.node.name);
      const bool free_hands = busy == busy_.end() || busy->second < settings_.at_once_per_node;
      if (free_hands && fits_in(view.totals.reserved + size, view.totals.watermark)) fit.push_back(&view);
    }
    return best_node(fit, {size, mover.node_selector, "", mover.node}, score_);
  }

  // The quickest that is enough by itself, of equals the one that grows most; else the largest there is.
  static bool first(const Candidate& a, const Candidate& b) {
    if (a.enough != b.enough) return a.enough;
    const Resources &size_a = a.mover->size, &size_b = b.mover->size;
    if (a.enough && a.takes != b.takes) return a.takes < b.takes;
    if (size_a.memory != size_b.memory) return (size_a.memory < size_b.memory) == a.enough;
    if (size_a.cpu != size_b.cpu) return (size_a.cpu < size_b.cpu) == a.enough;
    if (a.mover->growth != b.mover->growth) return a.mover->growth > b.mover->growth;
    return a.mover->vm < b.mover->vm;
  }

  std::vector<Candidate> candidates(const NodeView& view, bool& outrun) {
    const Resources excess = view.totals.excess();
    std::vector<Candidate> found;
    Bytes growth;
    for (const Mover* mover : on_[view.node.name])
      if (gone_.count(mover->vm) == 0) growth = growth + mover->growth;
    for (const Mover* mover : on_[view.node.name]) {
      const bool helps = field_min(mover->size, excess) != Resources{};
      if (!mover->may_migrate || !helps || gone_.count(mover->vm) != 0) continue;
      if (outruns(*mover)) {
        outrun = true;
        continue;
      }
      if (rests(*mover)) continue;
      const double takes = seconds_to_move(*mover);
      Resources by_then = excess;
      by_then.memory = by_then.memory + grown(growth - mover->growth, takes);
      found.push_back({mover, takes, fits_in(by_then, mover->size)});
    }
    std::sort(found.begin(), found.end(), first);
    return found;
  }

  bool relieve(NodeView& view) {
    const std::string& from = view.node.name;
    if (moving_ >= settings_.at_once || busy_[from] >= settings_.at_once_per_node) {
      plan_.pinned[from] = "waits for moves under way";
      return false;
    }
    bool outrun = false;
    const auto found = candidates(view, outrun);
    for (const Candidate& candidate : found) {
      const Mover& mover = *candidate.mover;
      Resources arriving = mover.size, rested = mover.size;
      arriving.memory = arriving.memory + grown(mover.growth, candidate.takes);
      rested.memory = arriving.memory + grown(mover.growth, seconds(settings_.rest));
      const NodeView* to = target_for(mover, rested);
      if (to == nullptr) to = target_for(mover, arriving);
      if (to != nullptr) return move(view, mover, arriving, to->node.name), true;
    }
    plan_.pinned[from] = !found.empty() ? "no other node has room below its watermark"
                         : outrun       ? "what could leave grows faster than it can be moved"
                                        : "no VM on it may leave now";
    return false;
  }

  void move(NodeView& view, const Mover& mover, const Resources& arriving, const std::string& to) {
    plan_.moves.push_back({mover.vm, mover.node, to,
                           mover.node + " is " + to_string(view.totals.excess()) + " above its watermark"});
    gone_.insert(mover.vm);
    count(mover.node, to);
    view.totals.leaving = view.totals.leaving + mover.size;
    for (NodeView& other : nodes_)
      if (other.node.name == to) other.totals.reserved = other.totals.reserved + arriving;
  }

  std::vector<NodeView> nodes_;
  const ScoreSettings& score_;
  const MoveSettings& settings_;
  Instant now_;
  std::unordered_map<std::string, std::vector<const Mover*>> on_;
  std::unordered_map<std::string, std::size_t> busy_;
  std::unordered_set<std::string> gone_;
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
