// Whatever comes in whatever order, no node gives more than it has.
#include <rapidcheck.h>

#include "core/daemon/extender_door.hpp"
#include "tests/core/daemon/scheduler/scheduler_fixture.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::tests;

namespace {

constexpr int names = 6;

struct Town : Desk {
  std::optional<daemon::ExtenderDoor> door;
  std::map<std::string, wire::Pod> pods;                  // by name, bound or not
  std::map<std::string, Resources> permits;               // of runners, by name
  int lives = 0;

  Town() {
    orchestrator.qualify_names();
    for (const char* name : {"n1", "n2"}) node(name, 8, 32);
    for (int i = 0; i < names; ++i) vm("vm" + std::to_string(i), 2, 4);
    open();
    door.emplace(loop, orchestrator, *scheduler, metrics);
  }

  // A process that begins asks for the world as it is then; the fixture's goes on from before.
  bool is_up_to_date() {
    for (const Kind kind : {Kind::runner, Kind::neighbour}) {
      const auto there = orchestrator.list(kind, daemon::call_deadline()).value_or({});
      if (there.size() != world.all(kind).size()) return false;
      for (const Object& object : there) {
        const Object* seen = world.find(kind, object.name);
        if (seen == nullptr || seen->version != object.version) return false;
      }
    }
    return true;
  }

  // Once more with nothing known but the world; what was promised is restated.
  void restart() {
    door.reset();
    until([this] { return is_up_to_date(); });
    restart_scheduler();
    until([&] { return scheduler->ready(); });
    door.emplace(loop, orchestrator, *scheduler, metrics);
    for (auto& [runner, permit] : permits)
      if (const auto again = ask_for(runner, permit, permit)) permit = again->permit;
    clock.advance(std::chrono::minutes(1));
  }

  Result<wire::PermitResponse> ask_for(const std::string& runner, const Resources& wanted, std::optional<Resources> last) {
    wire::PermitRequest request;
    request.runner = runner;
    request.compute_unit = default_compute_unit;
    request.wanted = wanted;
    request.last_permit = last;
    return scheduler->permit(request);
  }

  void filter(std::uint32_t choice) {
    const int which = static_cast<int>(choice % names);
    const std::string name = (choice & 64 ? "vm" : "pod") + std::to_string(which);
    auto [at, fresh] = pods.try_emplace(name);
    wire::Pod& pod = at->second;
    if (fresh) {
      pod.name = name;
      pod.uid = name + "-" + std::to_string(++lives);
      if (name.starts_with("vm")) pod.runner_spec = runner(name, "default/" + name, "", RunnerRole::source).spec;
      else pod.requests = size(1 + choice % 5, 1 + choice % 7), orchestrator.pending_pod("default/" + name, pod.uid, pod.requests);
    }
    (void)door->filter({pod, {"n1", "n2"}, {}});
  }

  void bind(std::uint32_t choice) {
    if (pods.empty()) return;
    const wire::Pod pod = std::next(pods.begin(), static_cast<std::ptrdiff_t>(choice % pods.size()))->second;
    if (choice & 256) orchestrator.unavailable_for(1);
    std::optional<Status> answer;
    door->bind({pod.name, pod.ns, pod.uid, choice & 128 ? "n1" : "n2"}, [&](const Status& status) { answer = status; });
    until([&] { return answer.has_value(); });
    orchestrator.unavailable_for(0);
    if (*answer && !pod.runner_spec.empty()) permits.try_emplace("default/" + pod.name, size(2, 4));
  }

  void permit(std::uint32_t choice) {
    if (permits.empty()) return;
    auto& [runner, permit] = *std::next(permits.begin(), static_cast<std::ptrdiff_t>(choice % permits.size()));
    const auto answer = ask_for(runner, size(choice % 9, choice % 33), permit);
    if (answer) permit = answer->permit;
  }

  void remove(std::uint32_t choice) {
    if (pods.empty()) return;
    const auto at = std::next(pods.begin(), static_cast<std::ptrdiff_t>(choice % pods.size()));
    const std::string name = "default/" + at->first;
    if (at->second.runner_spec.empty()) (void)orchestrator.remove(Kind::neighbour, name, daemon::call_deadline());
    else (void)orchestrator.stop_runner(name, {}, daemon::call_deadline());
    permits.erase(name);
    pods.erase(at);
  }

  void check() {
    for (const char* node : {"n1", "n2"}) {
      const decide::NodeTotals totals = scheduler->ledger().totals(node);
      if (!fits_in(totals.reserved, totals.capacity)) RC_FAIL(std::string(node) + " has given " + to_string(totals.reserved));
    }
    // What was promised, counted by whoever it was promised to.
    std::map<std::string, Resources> promised;
    for (const Object& object : orchestrator.list(Kind::neighbour, daemon::call_deadline()).value_or({})) {
      const auto neighbour = wire::decode_neighbour(object.spec).value();
      promised[neighbour.node] = promised[neighbour.node] + neighbour.reserved;
    }
    for (const auto& [runner, permit] : permits) {
      const auto object = orchestrator.get(Kind::runner, runner, daemon::call_deadline());
      const std::string node = wire::decode_runner_spec(object->spec)->node;
      promised[node] = promised[node] + permit;
    }
    for (const auto& [node, sum] : promised)
      if (!fits_in(sum, size(8, 32))) RC_FAIL(node + " was promised away with " + to_string(sum));
  }
};

void act(Town& town, std::uint32_t choice) {
  const std::uint32_t detail = choice >> 4;
  switch (choice % 16) {
    case 0: return town.restart();
    case 1:
    case 2: return town.remove(detail);
    case 3:
    case 4:
    case 5:
    case 6: return town.permit(detail);
    case 7:
    case 8:
    case 9:
    case 10: return town.filter(detail);
    default: return town.bind(detail);
  }
}

}  // namespace

TEST_CASE("no node gives more than it has, whatever kube-scheduler, agents and restarts do in whatever order") {
  sequences(40);
  const bool held = rc::check("the extender's law", [] {
    const auto choices = *rc::gen::scale(0.6, rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 1u << 24)));
    Town town;
    for (const std::uint32_t choice : choices) {
      act(town, choice);
      town.check();
    }
  });
  CHECK(held);
}
