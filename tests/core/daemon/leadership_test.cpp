// Of several that want to lead one does, and stops before another may.
#include "core/daemon/leadership.hpp"

#include <future>

#include "tests/support/catch.hpp"
#include "tests/support/fake_orchestrator.hpp"

using namespace neonvm;
using namespace std::chrono_literals;

namespace {

constexpr Duration limit = 20s;

struct Candidate {
  Candidate(runtime::Loop& loop, Orchestrator& orchestrator, const std::string& name)
      : leadership(loop, orchestrator, {"neonvm-serve", name, 1s, 50ms, 20ms}, [this] { ++gained; }, [this] { ++lost; }) {}

  int gained = 0, lost = 0;
  daemon::Leadership leadership;
};

}  // namespace

TEST_CASE("leadership: one leads, the other when that resigns") {
  runtime::Loop loop;
  fakes::FakeOrchestrator orchestrator;
  Candidate first(loop, orchestrator, "a"), second(loop, orchestrator, "b");
  first.leadership.start();
  REQUIRE(loop.run_until([&] { return first.gained == 1; }, limit));
  second.leadership.start();
  CHECK_FALSE(loop.run_until([&] { return second.gained == 1; }, 200ms));  // longer than some renewals
  CHECK(first.leadership.leads());
  first.leadership.resign();
  REQUIRE(loop.run_until([&] { return second.gained == 1; }, limit));
  CHECK(first.lost == 0);
  CHECK_FALSE(first.leadership.leads());
}

TEST_CASE("leadership: whoever cannot renew stops, and another leads only after that") {
  runtime::Loop loop;
  fakes::FakeOrchestrator orchestrator, cut_off;
  Candidate leader(loop, cut_off, "a");
  leader.leadership.start();
  REQUIRE(loop.run_until([&] { return leader.gained == 1; }, limit));
  cut_off.unavailable_for(1'000'000);
  REQUIRE(loop.run_until([&] { return leader.lost == 1; }, limit));
  CHECK_FALSE(leader.leadership.leads());
  CHECK_FALSE(loop.run_until([&] { return leader.gained > 1 || leader.lost > 1; }, 100ms));
}

TEST_CASE("leadership: a lease that another holds by now is lost at once") {
  runtime::Loop loop;
  fakes::FakeOrchestrator orchestrator;
  Candidate leader(loop, orchestrator, "a");
  leader.leadership.start();
  REQUIRE(loop.run_until([&] { return leader.gained == 1; }, limit));
  REQUIRE(orchestrator.release_lease("neonvm-serve", "a", std::chrono::steady_clock::now() + limit).ok());
  REQUIRE(orchestrator.hold_lease("neonvm-serve", "b", 1h, std::chrono::steady_clock::now() + limit).value_or(false));
  REQUIRE(loop.run_until([&] { return leader.lost == 1; }, limit));
}

TEST_CASE("leadership: it does not wait behind others' calls") {
  fakes::FakeOrchestrator orchestrator;
  std::promise<void> over;
  runtime::Loop loop(1);
  loop.off_loop([wait = over.get_future().share()] { return wait.wait(), 0; }, [](int) {});
  Candidate leader(loop, orchestrator, "a");
  leader.leadership.start();
  CHECK(loop.run_until([&] { return leader.gained == 1; }, 5s));
  CHECK_FALSE(loop.run_until([&] { return leader.lost == 1; }, 1500ms));  // longer than the lease
  over.set_value();
}

TEST_CASE("leadership: a server that is away at first is asked again") {
  runtime::Loop loop;
  fakes::FakeOrchestrator orchestrator;
  orchestrator.unavailable_for(5);
  Candidate leader(loop, orchestrator, "a");
  leader.leadership.start();
  REQUIRE(loop.run_until([&] { return leader.gained == 1; }, limit));
  CHECK(leader.lost == 0);
}
