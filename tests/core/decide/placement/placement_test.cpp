#include "core/decide/placement.hpp"

#include <rapidcheck.h>

#include <cstdlib>

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

Resources cpus(double n) { return {MilliCpu{static_cast<std::uint32_t>(n * 1000)}, Bytes{static_cast<std::uint64_t>(n * 1024) * mib}}; }

NodeView view(const std::string& name, double capacity, double used, double watermark = 0.9) {
  NodeView v;
  v.node = {name, cpus(capacity), watermark, true, {}};
  v.totals = {cpus(capacity), cpus(used), {}, cpus(capacity * watermark)};
  return v;
}
Mover mover(const std::string& vm, const std::string& node, double size) {
  return {vm, node, cpus(size), true, {}, std::nullopt};
}
constexpr Instant now{std::chrono::hours(1)};

MovePlan moves(const std::vector<NodeView>& nodes, const std::vector<Mover>& movers,
               const std::vector<MoveUnderWay>& under_way = {}) {
  return choose_moves(nodes, movers, under_way, {}, {}, now);
}

}  // namespace

TEST_CASE("upstream's score") {
  const std::pair<double, int> rows[] = {{0, 50}, {0.2, 62}, {0.4, 75}, {0.6, 87}, {0.8, 100}, {0.85, 75}, {0.9, 50}, {0.95, 25}, {1, 0}};
  for (const auto& [used, expected] : rows) {
    INFO(used);
    CHECK(score(view("n", 100, used * 100), {}, cpus(100), {}) == expected);
  }
  CHECK(score(view("n", 50, 40), {}, cpus(100), {}) == 50);
  CHECK(score(view("n", 100, 99), cpus(2), cpus(100), {}) == 0);
}

TEST_CASE("the rule says which node takes a VM") {
  const std::vector<NodeView> nodes = {view("empty", 10, 0), view("half", 10, 5), view("full", 10, 8.5), view("over", 10, 11)};
  const PlacementWish wish{cpus(1), {}, "", ""};
  CHECK(choose_node(nodes, wish, {PlacementRule::peak}).value() == "half");
  CHECK(choose_node(nodes, wish, {PlacementRule::pack}).value() == "full");
  CHECK(choose_node(nodes, wish, {PlacementRule::spread}).value() == "empty");
  CHECK(choose_node(nodes, {cpus(1), {}, "", "half"}, {PlacementRule::peak}).value() == "empty");
  CHECK(choose_node(nodes, {cpus(1), {}, "empty", ""}, {PlacementRule::pack}).value() == "empty");
}

TEST_CASE("a refusal to place says what each node lacks") {
  std::vector<NodeView> nodes = {view("node1", 4, 2), view("node2", 4, 3.5)};
  const auto room = choose_node(nodes, {cpus(4), {}, "", ""}, {});
  CHECK(room.error().code == Code::out_of_capacity);
  CHECK(room.error().message == "no node has 4 CPU, 4Gi free: node1 lacks 2 CPU, 2Gi; node2 lacks 3500m CPU, 3584Mi");
  CHECK(choose_node(nodes, {cpus(1), {}, "node3", ""}, {}).error().code == Code::not_found);
  CHECK(choose_node(nodes, {cpus(1), {{"disk", "ssd"}}, "", ""}, {}).error().code == Code::refused);
  nodes[0].node.labels["disk"] = "ssd";
  CHECK(choose_node(nodes, {cpus(1), {{"disk", "ssd"}}, "", ""}, {}).value() == "node1");
  nodes[0].node.schedulable = false;
  CHECK(choose_node(nodes, {cpus(1), {}, "", ""}, {}).error().code == Code::out_of_capacity);
  CHECK(choose_node({}, {cpus(1), {}, "", ""}, {}).error().code == Code::out_of_capacity);
}

TEST_CASE("above the watermark the smallest VM that is enough leaves, for a node that stays below its own") {
  const std::vector<NodeView> nodes = {view("a", 10, 10), view("b", 10, 5), view("c", 10, 8.5)};
  const auto plan = moves(nodes, {mover("big", "a", 6), mover("fit", "a", 2), mover("small", "a", 0.5), mover("other", "b", 1)});
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.moves[0].vm == "fit");
  CHECK(plan.moves[0].to == "b");
  CHECK(plan.moves[0].why == "a is 1 CPU, 1Gi above its watermark");
}

TEST_CASE("nobody is moved below the watermark, against its wish, into a full node, or too soon again") {
  CHECK(moves({view("a", 10, 9), view("b", 10, 0)}, {mover("x", "a", 2)}).moves.empty());
  auto stays = mover("x", "a", 2);
  stays.may_migrate = false;
  CHECK(moves({view("a", 10, 10), view("b", 10, 0)}, {stays}).moves.empty());
  const auto full = moves({view("a", 10, 10), view("b", 10, 8)}, {mover("x", "a", 2)});
  CHECK(full.moves.empty());
  CHECK(full.pinned.at("a") == "no other node has room below its watermark");
  auto moved = mover("x", "a", 2);
  moved.last_moved = now - std::chrono::minutes(1);
  const auto rests = moves({view("a", 10, 10), view("b", 10, 0)}, {moved});
  CHECK(rests.moves.empty());
  CHECK(rests.look_again == now + std::chrono::minutes(4));
}

TEST_CASE("moves under way count, and there are only so many at once") {
  auto a = view("a", 10, 10);
  CHECK(moves({a, view("b", 10, 0)}, {mover("x", "a", 2)}, {{"a", "b"}}).moves.empty());
  a.totals.leaving = cpus(2);
  CHECK(moves({a, view("b", 10, 0)}, {mover("x", "a", 2)}).moves.empty());
  const auto two = moves({view("a", 10, 10), view("b", 10, 10), view("c", 10, 10), view("d", 40, 0), view("e", 40, 0)},
                         {mover("x", "a", 2), mover("y", "b", 2), mover("z", "c", 2)});
  CHECK(two.moves.size() == 2);
  CHECK(two.moves[0].to != two.moves[1].to);
}

TEST_CASE("laws of placement") {
  setenv("RC_PARAMS", "max_success=5000", 0);
  const bool held = rc::check("laws of decide/placement", [] {
    std::vector<NodeView> nodes;
    std::vector<Mover> movers;
    for (std::uint32_t n = 0; n < 4; ++n) {
      const double capacity = *rc::gen::inRange(4, 20);
      const std::string name = "n" + std::to_string(n);
      double used = 0;
      for (int v = *rc::gen::inRange(0, 8); v > 0; --v) {
        const double size = *rc::gen::inRange(1, 6);
        movers.push_back(mover(name + "vm" + std::to_string(v), name, size));
        movers.back().may_migrate = *rc::gen::arbitrary<bool>();
        used += size;
      }
      nodes.push_back(view(name, capacity, used, 0.8));
    }
    const Resources size = cpus(*rc::gen::inRange(1, 12));
    for (const auto rule : {PlacementRule::peak, PlacementRule::pack, PlacementRule::spread}) {
      const auto chosen = choose_node(nodes, {size, {}, "", ""}, {rule});
      for (const NodeView& v : nodes) {
        const bool fits = fits_in(v.totals.reserved + size, v.totals.capacity);
        if (chosen && chosen.value() == v.node.name) RC_ASSERT(fits);
        if (!chosen) RC_ASSERT(!fits);
      }
    }
    const auto plan = moves(nodes, movers);
    RC_ASSERT(plan.moves.size() <= 2u);
    for (const Move& m : plan.moves) {
      RC_ASSERT(m.from != m.to);
      for (const NodeView& v : nodes) {
        if (v.node.name == m.from) RC_ASSERT(v.totals.excess() != Resources{});
        if (v.node.name == m.to) RC_ASSERT(v.totals.excess() == Resources{});
      }
    }
  });
  REQUIRE(held);
}
