// PlacementIndex: choose_node for large worlds: the same answer without looking at every node.
//
// Owned by daemon/scheduler and simulate, which tell it of every node whose books changed (follow does it). Pure, a
// value of its owner's thread. The nodes lie in a tree by their use and size; each branch knows the most that it has
// free and the best score that anything in it may get, so that most of it is never looked at. Told changes widen the
// branches; after enough of them the tree is sorted anew, at the next choice.
// Cost: a change walks one path; a choice looks at a few dozen nodes of 5,000, at more the rarer the labels are that a VM
// asks for, and at all of them only when there is no room.
//
// Law: choose() answers as choose_node over the same nodes, whatever came before.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/decide/ledger.hpp"
#include "core/decide/placement.hpp"

namespace neonvm::decide {

class PlacementIndex {
 public:
  explicit PlacementIndex(ScoreSettings settings = {});
  // The tree points into itself.
  PlacementIndex(const PlacementIndex&) = delete;
  PlacementIndex& operator=(const PlacementIndex&) = delete;

  void node_changed(const NodeView& view);               // new, or with other facts
  void totals_changed(const std::string& node, const NodeTotals& totals);   // of a node that is known; else passed over
  void node_gone(const std::string& node);
  // Takes over what changed in the books since the last call.
  void follow(Ledger& ledger);

  // As choose_node over all nodes that are known. Not const: it may sort anew.
  Result<std::string> choose(const PlacementWish& wish);
  [[nodiscard]] std::size_t size() const { return by_name_.size(); }
  // Nodes that were looked at one by one since the beginning; for measurements.
  [[nodiscard]] std::uint64_t looked_at() const { return looked_at_; }

 private:
  struct Range {
    double low = 1e300, high = -1e300;
    void add(double value);
    void add(const Range& other);
  };
  // What is known of all nodes below a branch.
  struct Box {
    Resources free, capacity;                            // the most of each
    Range cpu_use, memory_use;                           // shares
    Range per_cpu, per_memory;                           // 1 / capacity
    bool empty = true;
    void add(const NodeView& view);
    void add(const Box& other);
  };
  struct Branch {
    Box box;
    const std::string* first_name = nullptr;             // by the alphabet
    std::int32_t left = -1, right = -1, parent = -1;     // left < 0: a leaf
    std::uint32_t begin = 0, end = 0;                    // of order_, for a leaf
  };
  struct Entry {
    NodeView view;
    bool present = false;
    std::int32_t leaf = -1;
  };
  struct Best;

  void sort_anew();
  std::int32_t build(std::uint32_t begin, std::uint32_t end, std::int32_t parent);
  void refresh(Branch& leaf);
  void changed(Entry& entry);
  void find_largest();
  [[nodiscard]] int bound(const Box& box, const Resources& size) const;
  void search(std::int32_t branch, const PlacementWish& wish, Best& best);
  void look_at(const Entry& entry, const PlacementWish& wish, Best& best);
  [[nodiscard]] double coordinate(const NodeView& view, int dimension) const;

  ScoreSettings settings_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> unused_;
  std::unordered_map<std::string, std::uint32_t> by_name_;
  Resources largest_;
  std::vector<Branch> branches_;
  std::vector<std::uint32_t> order_;
  bool stale_ = true;
  std::size_t changes_ = 0;
  std::uint64_t looked_at_ = 0;
};

}  // namespace neonvm::decide
