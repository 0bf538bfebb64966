#include <rapidcheck.h>

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "core/decide/placement.hpp"
#include "core/decide/placement_index.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

Resources gibs(std::uint32_t n) { return {MilliCpu{1000 * n}, Bytes{gib * n}}; }

NodeView view(const std::string& name, Resources capacity, Resources used) {
  const Resources watermark{MilliCpu{capacity.cpu.value / 5 * 4}, Bytes{capacity.memory.value / 5 * 4}};
  return {{name, capacity, 0.8, true, {}}, {capacity, used, {}, watermark, {}}};
}

// What happens is drawn from one list of numbers, so that a failure is shown, and made smaller, as one.
std::vector<std::uint32_t> numbers;
std::size_t next_number = 0;

std::uint32_t draw(std::uint32_t low, std::uint32_t high) {
  return low + (next_number < numbers.size() ? numbers[next_number++] % (high - low) : 0);
}

bool law(const char* what, const std::function<void()>& body, double longer = 1) {
  neonvm::tests::sequences(10000);
  return rc::check(what, [&] {
    numbers = *rc::gen::scale(longer, rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 1u << 20)));
    next_number = 0;
    body();
  });
}

// A world in which moves are carried out as they are planned.
struct MovingWorld {
  std::map<std::string, Resources> capacity;
  std::vector<Mover> vms;
  std::map<std::string, std::uint32_t> moved;
  Instant now{std::chrono::hours(1)};

  [[nodiscard]] std::vector<NodeView> views() const {
    std::vector<NodeView> nodes;
    for (const auto& [name, size] : capacity) {
      Resources used;
      for (const Mover& vm : vms)
        if (vm.node == name) used = used + vm.size;
      nodes.push_back(view(name, size, used));
    }
    return nodes;
  }

  void carry_out(const MovePlan& plan, const MoveSettings& settings) {
    for (const Move& move : plan.moves) {
      const auto vm = std::find_if(vms.begin(), vms.end(), [&](const Mover& m) { return m.vm == move.vm; });
      RC_ASSERT(vm != vms.end());
      RC_ASSERT(vm->node == move.from);
      RC_ASSERT(vm->may_migrate);
      RC_ASSERT(!vm->last_moved || *vm->last_moved + settings.rest <= now);
      vm->node = move.to;
      vm->last_moved = now;
      ++moved[move.vm];
    }
    for (const NodeView& v : views()) {
      const bool took = std::any_of(plan.moves.begin(), plan.moves.end(), [&](const Move& m) { return m.to == v.node.name; });
      if (took) RC_ASSERT(v.totals.excess() == Resources{});
    }
  }
};

MovingWorld moving_world() {
  MovingWorld world;
  const std::uint32_t nodes = draw(2, 6);
  for (std::uint32_t n = 0; n < nodes; ++n) {
    const std::string name = "n" + std::to_string(n);
    world.capacity[name] = gibs(draw(4, 20));
    const std::uint32_t count = draw(0, 6);
    for (std::uint32_t i = 0; i < count; ++i)
      world.vms.push_back({name + "vm" + std::to_string(i), name, gibs(draw(1, 6)), draw(0, 4) != 0, {}, std::nullopt,
                           Bytes{draw(0, 3) == 0 ? draw(0, 300) * mib : 0}});
  }
  return world;
}

// One tree against the plain search, under changes of every kind.
class TwoAnswers {
 public:
  TwoAnswers() : settings_{PlacementRule(draw(0, 3)), 0.1 * draw(0, 11), 0.1 * draw(0, 11), 0.1 * draw(0, 11)}, index_(settings_) {}

  void step() {
    const std::uint32_t what = draw(0, 8);
    const std::string name = "n" + std::to_string(draw(0, 60));
    if (what < 3) return put(name);
    if (what == 3) {
      nodes_.erase(name);
      return index_.node_gone(name);
    }
    if (what < 6 && nodes_.count(name) != 0) {
      NodeTotals& totals = nodes_[name].totals;
      totals.reserved = gibs(draw(0, 25));
      totals.full = draw(0, 6) == 0;
      return index_.totals_changed(name, totals);
    }
    compare(name);
  }

 private:
  void put(const std::string& name) {
    NodeView v = view(name, {MilliCpu{1000 * draw(0, 20)}, Bytes{gib * draw(0, 20)}}, gibs(draw(0, 12)));
    v.node.schedulable = draw(0, 8) != 0;
    v.totals.full = draw(0, 8) == 0;
    if (draw(0, 4) == 0) v.node.labels["disk"] = "ssd";
    nodes_[name] = v;
    index_.node_changed(v);
  }

  void compare(const std::string& name) {
    PlacementWish wish{{MilliCpu{500 * draw(0, 12)}, Bytes{gib / 2 * draw(0, 12)}}, {}, "", ""};
    const std::uint32_t more = draw(0, 8);
    if (more == 0) wish.node_selector["disk"] = "ssd";
    if (more == 1) wish.node = name;
    if (more == 2) wish.away_from = name;
    std::vector<NodeView> all;
    for (const auto& [key, v] : nodes_) all.push_back(v);
    const auto plain = choose_node(all, wish, settings_), quick = index_.choose(wish);
    RC_ASSERT(plain.ok() == quick.ok());
    if (plain) RC_ASSERT(plain.value() == quick.value());
    else RC_ASSERT(plain.error().message == quick.error().message);
  }

  ScoreSettings settings_;
  PlacementIndex index_;
  std::map<std::string, NodeView> nodes_;
};

}  // namespace

TEST_CASE("a VM is placed where it fits, whatever the rule, and refused only where it fits nowhere") {
  const bool held = law("laws of choose_node", [] {
    std::vector<NodeView> nodes;
    for (std::uint32_t n = 0; n < 4; ++n) nodes.push_back(view("n" + std::to_string(n), gibs(draw(4, 20)), gibs(draw(0, 20))));
    const Resources size = gibs(draw(1, 12));
    for (const auto rule : {PlacementRule::peak, PlacementRule::pack, PlacementRule::spread}) {
      const auto chosen = choose_node(nodes, {size, {}, "", ""}, {rule});
      for (const NodeView& v : nodes) {
        const bool fits = fits_in(v.totals.reserved + size, v.totals.capacity);
        if (chosen && chosen.value() == v.node.name) RC_ASSERT(fits);
        if (!chosen) RC_ASSERT(!fits);
      }
    }
  });
  REQUIRE(held);
}

TEST_CASE("the index answers as the plain search, whatever came before") {
  const bool held = law("law of decide/placement_index", [] {
    TwoAnswers two;
    while (next_number < numbers.size()) two.step();
  }, 6);
  REQUIRE(held);
}

TEST_CASE("while sizes stay nobody moves twice, and moving comes to an end") {
  const bool held = law("no ping-pong", [] {
    MovingWorld world = moving_world();
    for (Mover& vm : world.vms) vm.growth = {};
    const MoveSettings settings{draw(1, 4), draw(1, 3), std::chrono::minutes(5), Bytes{256 * mib}};
    for (int round = 0; round < 100; ++round) {
      const auto plan = choose_moves(world.views(), world.vms, {}, {}, settings, world.now);
      RC_ASSERT(plan.moves.size() <= settings.at_once);
      world.carry_out(plan, settings);
      if (plan.moves.empty() && !plan.look_again) break;
      RC_ASSERT(round < 99);
      world.now += std::chrono::minutes(1);
    }
    for (const auto& [vm, times] : world.moved) RC_ASSERT(times == 1u);
  });
  REQUIRE(held);
}

TEST_CASE("whatever grows meanwhile, nobody moves before his rest is over or into a node that is too full") {
  const bool held = law("laws of choose_moves", [] {
    MovingWorld world = moving_world();
    const MoveSettings settings{draw(1, 4), 1, std::chrono::minutes(5), Bytes{256 * mib}};
    for (std::uint32_t round = draw(1, 20); round > 0; --round) {
      const auto plan = choose_moves(world.views(), world.vms, {}, {}, settings, world.now);
      for (const Move& m : plan.moves) {
        RC_ASSERT(m.from != m.to);
        for (const NodeView& v : world.views()) {
          if (v.node.name == m.from) RC_ASSERT(v.totals.excess() != Resources{});
          if (v.node.name == m.to) RC_ASSERT(v.totals.excess() == Resources{});
        }
      }
      world.carry_out(plan, settings);
      for (Mover& vm : world.vms) vm.size = gibs(std::max(1u, vm.size.cpu.value / 1000 + draw(0, 3) - 1));
      world.now += std::chrono::minutes(1);
    }
  });
  REQUIRE(held);
}
