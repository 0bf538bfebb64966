// Of several that want to lead one does, and stops before another may.
#include "core/daemon/leadership.hpp"

#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <vector>

#include "core/runtime/manual_clock.hpp"
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

// Answers a question for the lease when the test does.
class SlowOrchestrator : public fakes::FakeOrchestrator {
 public:
  Result<bool> hold_lease(const std::string&, const std::string&, Duration ttl, Deadline) override {
    std::unique_lock lock(mutex_);
    asked_.push_back(ttl);
    if (always_) return *always_;
    changed_.wait(lock, [this] { return answer_.has_value() || always_.has_value(); });
    const Result<bool> answer = answer_ ? *answer_ : *always_;
    answer_.reset();
    return answer;
  }
  [[nodiscard]] std::vector<Duration> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  void answer(Result<bool> with) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(with);
    changed_.notify_all();
  }
  void answer_from_now_on(Result<bool> with) {
    const std::lock_guard lock(mutex_);
    always_ = std::move(with);
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Duration> asked_;
  std::optional<Result<bool>> answer_, always_;
};

// A leader of whom each renewal takes as long as the test says.
struct Slow {
  runtime::ManualClock time;
  runtime::Loop loop{time};
  SlowOrchestrator orchestrator;
  int gained = 0, lost = 0;
  std::size_t calls = 0;
  daemon::Leadership leadership{loop, orchestrator, {"neonvm-serve", "a"}, [this] { ++gained; }, [this] { ++lost; }};

  ~Slow() { orchestrator.answer_from_now_on(Error{Code::unavailable, "over"}); }  // the leadership waits for its call

  // What the next renewal asks for; it is answered after `took`, and the time goes on to when the next is due.
  Duration renewal(Duration took, Result<bool> answer = true) {
    ++calls;
    REQUIRE(loop.run_until([this] { return orchestrator.asked().size() == calls; }, limit));
    const Duration ttl = orchestrator.asked().back();
    time.advance(took);
    orchestrator.answer(std::move(answer));
    const auto next = [this] { return orchestrator.asked().size() > calls; };
    // The time goes on only after the answer has come: from it the next is reckoned.
    for (int i = 0; i < 2000 && !next(); ++i) {
      time.advance(10ms);
      loop.run_until(next, 5ms);
    }
    REQUIRE(next());
    return ttl;
  }
};

}  // namespace

TEST_CASE("leadership: a slow server is asked for longer leases, a quick one for shorter again") {
  const daemon::LeadershipSettings settings;
  CHECK(daemon::lease_for_next(3s, 100ms, settings) == 3s);
  CHECK(daemon::lease_for_next(3s, 701ms, settings) == 6s);
  CHECK(daemon::lease_for_next(12s, 2s, settings) == 15s);
  CHECK(daemon::lease_for_next(15s, 10ms, settings) == 13500ms);
  daemon::LeadershipSettings fixed = settings;
  fixed.longest = 1s;  // less than the ttl: that is what is asked for always
  CHECK(daemon::lease_for_next(3s, 2s, fixed) == 3s);
}

TEST_CASE("leadership: renewals that take ever longer do not cost the lead") {
  Slow slow;
  slow.leadership.start();
  CHECK(slow.renewal(100ms) == 3s);
  CHECK(slow.renewal(1s) == 3s);
  CHECK(slow.renewal(1500ms) == 6s);
  CHECK(slow.renewal(4s) == 12s);  // longer than the first lease
  CHECK(slow.renewal(5s) == 15s);
  CHECK(slow.renewal(100ms) == 15s);
  CHECK(slow.renewal(100ms) == 13500ms);
  CHECK(slow.leadership.leads());
  CHECK(slow.gained == 1);
  CHECK(slow.lost == 0);
}

TEST_CASE("leadership: a shorter lease counts from when it was asked for, answered or not") {
  Slow slow;
  slow.leadership.start();
  slow.renewal(100ms);
  slow.renewal(1s);
  slow.renewal(1s);
  slow.renewal(1s);
  REQUIRE(slow.renewal(100ms) == 15s);
  const Instant asked = slow.time.now();  // just now, for 13.5 s: 14.2 s after the one before, which had 15 s
  REQUIRE(slow.orchestrator.asked().back() == 13500ms);
  slow.orchestrator.answer_from_now_on(Error{Code::unavailable, "the answer was lost"});
  while (slow.lost == 0 && slow.time.now() - asked < 20s) {
    slow.time.advance(50ms);
    slow.loop.run_until([&slow] { return slow.lost != 0; }, 2ms);
  }
  CHECK(slow.lost == 1);
  CHECK(slow.time.now() - asked < 13500ms);
  CHECK(slow.time.now() - asked > 12s);
}

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
