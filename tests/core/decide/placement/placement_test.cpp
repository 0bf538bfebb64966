#include "core/decide/placement.hpp"

#include <limits>

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
  return {vm, node, cpus(size), true, {}, std::nullopt, {}};
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
    CHECK(score(view("n", 100, used * 100).totals, {}, cpus(100), {}) == expected);
  }
  CHECK(score(view("n", 50, 40).totals, {}, cpus(100), {}) == 50);
  CHECK(score(view("n", 100, 99).totals, cpus(2), cpus(100), {}) == 0);
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

TEST_CASE("a node that has as many pods as it takes is passed over") {
  std::vector<NodeView> nodes{view("a", 10, 5), view("b", 10, 1)};
  REQUIRE(choose_node(nodes, {cpus(1), {}, "", ""}, {}).value() == "a");
  nodes[0].totals.full = true;
  CHECK(choose_node(nodes, {cpus(1), {}, "", ""}, {}).value() == "b");
  nodes[1].totals.full = true;
  const auto none = choose_node(nodes, {cpus(1), {}, "", ""}, {});
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code == Code::out_of_capacity);
  CHECK(none.error().message.find("a has as many pods as it takes; b has as many") != std::string::npos);
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

TEST_CASE("of many nodes the first by name are named in a refusal") {
  std::vector<NodeView> nodes;
  for (int i = 9; i >= 0; --i) nodes.push_back(view("n" + std::to_string(i), 1, 1));
  const auto none = choose_node(nodes, {cpus(1), {}, "", ""}, {});
  CHECK(none.error().message.find("free: n0 lacks 1 CPU, 1Gi; n1 lacks") != std::string::npos);
  CHECK(none.error().message.find("n7 lacks 1 CPU, 1Gi; and 2 more") != std::string::npos);
}

TEST_CASE("the one that grows leaves, when the others are no quicker") {
  auto calm = mover("calm", "a", 1), growing = mover("growing", "a", 1);
  growing.growth = Bytes{8 * mib};
  const auto plan = moves({view("a", 10, 10), view("b", 40, 0)}, {calm, growing});
  REQUIRE(plan.moves.size() == 1);
  // While the growing one stays, "calm" is not enough.
  CHECK(plan.moves[0].vm == "growing");
}

TEST_CASE("by the time that a VM has gone, those who stay have grown") {
  auto small = mover("small", "a", 1), large = mover("large", "a", 4), stays = mover("stays", "a", 4);
  stays.growth = Bytes{128 * mib};
  stays.may_migrate = false;
  MoveSettings slow;
  slow.speed = Bytes{64 * mib};
  const std::vector<NodeView> nodes = {view("a", 10, 9.5), view("b", 40, 0)};
  CHECK(choose_moves(nodes, {small, large, stays}, {}, {}, {}, now).moves.at(0).vm == "small");
  CHECK(choose_moves(nodes, {small, large, stays}, {}, {}, slow, now).moves.at(0).vm == "large");
}

TEST_CASE("nobody leaves who grows faster than he can be copied") {
  auto fast = mover("fast", "a", 4);
  fast.growth = Bytes{250 * mib};
  const std::vector<NodeView> nodes = {view("a", 10, 10), view("b", 40, 0)};
  const auto plan = moves(nodes, {fast});
  CHECK(plan.moves.empty());
  CHECK(plan.pinned.at("a") == "what could leave grows faster than it can be moved");
  MoveSettings unknown;
  unknown.speed = {};
  CHECK(choose_moves(nodes, {fast}, {}, {}, unknown, now).moves.size() == 1);
}

TEST_CASE("the target has room for what a VM will be") {
  auto growing = mover("x", "a", 2);
  growing.growth = Bytes{64 * mib};
  // On arrival it has 2.7 GiB: b is too small for that. When its rest is over it has 21 GiB: d rather than c.
  const auto plan = moves({view("a", 10, 10), view("b", 10, 6.5), view("c", 40, 30), view("d", 100, 30)}, {growing});
  REQUIRE(plan.moves.size() == 1);
  CHECK(plan.moves[0].to == "d");
  CHECK(moves({view("a", 10, 10), view("b", 10, 6.5), view("c", 40, 30)}, {growing}).moves.at(0).to == "c");
  CHECK(moves({view("a", 10, 10), view("b", 10, 6.5)}, {growing}).moves.empty());
}

TEST_CASE("settings that make no sense choose some node with room, and crash nothing") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<NodeView> nodes = {view("a", 10, 5), view("b", 10, 10)};
  for (const ScoreSettings& s : {ScoreSettings{PlacementRule::peak, nan, nan, nan}, ScoreSettings{PlacementRule::peak, 7, -3, 0},
                                 ScoreSettings{PlacementRule::peak, 0, 0, 1}})
    CHECK(choose_node(nodes, {cpus(1), {}, "", ""}, s).value() == "a");
}

TEST_CASE("what comes to a node without our choosing is judged by what is free, and by what there is at all") {
  NodeTotals totals{{MilliCpu{4000}, Bytes{16 * gib}}, {MilliCpu{3000}, Bytes{4 * gib}}, {}, {}, {}};
  CHECK(judge(totals, {MilliCpu{1000}, Bytes{12 * gib}}).why.empty());
  const Verdict full = judge(totals, {MilliCpu{1500}, Bytes{gib}});
  CHECK(full.why == "lacks 500m CPU beside what its VMs and pods have reserved");
  CHECK_FALSE(full.lasting);
  CHECK(judge(totals, {MilliCpu{4001}, Bytes{gib}}).lasting);
  totals.leased = {MilliCpu{500}, Bytes{}};
  CHECK(judge(totals, {MilliCpu{1000}, Bytes{gib}}).why == "lacks 500m CPU beside what its VMs and pods have reserved; 0.5 CPU, 0 is kept for what may have been promised");
}
