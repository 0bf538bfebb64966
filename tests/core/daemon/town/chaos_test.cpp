// Two hundred random events on several VMs: deaths, moves, sizes, starts and stops. After each, what must hold is asked;
// at the end everything comes to rest as its objects ask for. NEONVM_SEED and NEONVM_EVENTS choose another run.
#include <cstdlib>
#include <iostream>
#include <random>

#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"
#include "tests/core/daemon/town/town.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::tests;
using namespace std::chrono_literals;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != 0 ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Chaos {
 public:
  explicit Chaos(std::uint64_t seed) : random_(seed) {
    town_.node("n1", 8, 16);
    town_.node("n2", 8, 16);
    fakes::FakeBehaviour slow;
    slow.migration_lag = 40ms;
    slow.memory_lag = 5ms;
    slow.memory_step = Bytes{512 * mib};
    town_.machines->behave_by_default(slow);
    town_.wish(1, 1);
    for (const char* name : {"a", "b", "c"}) town_.vm(name, 1, 1, name[0] == 'c');
    town_.open();
  }

  void event() {
    const std::string vm = std::string(1, "abc"[below(3)]);
    switch (below(12)) {
      case 0: say("control plane dies"), town_.kill_control_plane(); break;
      case 1:
      case 2: say("runner dies"), kill_some_runner(); break;
      case 3: say("QEMU dies"), kill_some_qemu(); break;
      case 4:
      case 5: say("move " + vm), town_.migrate(vm); break;
      case 6: say("cancel"), cancel_all(); break;
      case 7: say("size of " + vm), resize(vm); break;
      case 8: say("stop or start " + vm), town_.edit(vm, [this](VmSpec& s) { s.stopped = below(3) == 0; }); break;
      case 9: say("watches break"), town_.orchestrator.break_watches(); break;
      case 10: say("writes conflict"), town_.orchestrator.conflict_next_writes(2); break;
      case 11: say("wish"), town_.wish(1 + below(8), 1 + below(8)); break;
    }
    town_.turn(std::chrono::milliseconds(below(60)));
    if (!town_.plane && below(2) == 0) say("control plane is back"), town_.open();
  }

  std::string broken() { return town_.broken(); }

  // Everybody may live now.
  bool settle() {
    if (!town_.plane) town_.open();
    for (const char* vm : {"a", "b", "c"}) town_.edit(vm, [](VmSpec& s) { s.stopped = false, s.cpu.use = MilliCpu{1000}, s.memory.use = Bytes{gib}; });
    town_.wish(1, 1);
    return town_.until([this] {
      for (const char* vm : {"a", "b", "c"})
        if (!town_.has(vm, 1, 1) || !town_.status(vm).migration.empty()) return false;
      return town_.machines->alive().size() == 3;
    }, 120s);
  }

  std::string story() const { return story_; }
  std::string stand() {
    std::string text;
    for (const char* vm : {"a", "b", "c"}) {
      const VmStatus s = town_.status(vm);
      text += std::string(vm) + ": " + to_string(s.phase) + " " + s.runner + " " + to_string(Resources{s.cpu.actual, s.memory.actual}) + " " + s.migration + " " + s.why + "\n";
    }
    for (const Object& runner : town_.objects(Kind::runner)) text += runner.name + " " + runner.status + (runner.deleting ? " deleting" : "") + "\n";
    for (const Object& move : town_.objects(Kind::migration)) text += move.name + " " + move.status + "\n";
    return text;
  }

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  void say(const std::string& what) { story_ += what + "; "; }

  void kill_some_runner() {
    const auto names = town_.live_runners();
    if (!names.empty()) town_.kill_runner(names[below(static_cast<unsigned>(names.size()))]);
  }
  void kill_some_qemu() {
    const auto dirs = town_.machines->alive();
    if (!dirs.empty()) town_.kill_qemu(dirs[below(static_cast<unsigned>(dirs.size()))]);
  }
  void cancel_all() {
    for (const Object& move : town_.objects(Kind::migration)) town_.cancel(move.name);
  }
  void resize(const std::string& vm) {
    town_.edit(vm, [this](VmSpec& s) {
      s.cpu.use = MilliCpu{500 * (1 + below(8))};
      s.memory.use = Bytes{512 * mib * (1 + below(12))};
    });
  }

  std::mt19937_64 random_;
  Town town_;
  std::string story_;
};

}  // namespace

TEST_CASE("whatever dies, no VM runs twice, none is lost, and no node promises more than it has") {
  runtime::LogOptions quiet;
  quiet.level = std::getenv("NEONVM_VERBOSE") != nullptr ? runtime::LogLevel::info : runtime::LogLevel::error;
  REQUIRE(runtime::open_log(quiet));
  const std::uint64_t seed = from_environment("NEONVM_SEED", std::random_device{}());
  const std::uint64_t events = from_environment("NEONVM_EVENTS", 200);
  std::cout << "NEONVM_SEED=" << seed << " NEONVM_EVENTS=" << events << "\n";
  Chaos chaos(seed);
  for (std::uint64_t i = 0; i < events; ++i) {
    chaos.event();
    INFO("seed " << seed << ", event " << i << ": " << chaos.story());
    REQUIRE(chaos.broken() == "");
  }
  const bool rests = chaos.settle();
  INFO("seed " << seed << ": " << chaos.story() << "\n" << (rests ? "" : chaos.stand()));
  REQUIRE(rests);
  REQUIRE(chaos.broken() == "");
}
