#include "core/runtime/work_queue.hpp"

#include "core/runtime/manual_clock.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::runtime;
using namespace std::chrono_literals;

namespace {

struct Bench {
  using Done = std::function<void(WorkOutcome)>;
  ManualClock clock;
  Loop loop{clock};
  std::vector<std::string> began;
  std::map<std::string, Done> open;

  WorkQueue::Work work() {
    return [this](const std::string& key, Done done) {
      CHECK(open.count(key) == 0);
      began.push_back(key);
      open[key] = std::move(done);
    };
  }
  void finish(const std::string& key, WorkOutcome outcome) {
    const Done done = open.at(key);
    open.erase(key);
    done(outcome);
    settle();
  }
  void settle() { clock.advance(0s); }
};

}  // namespace

TEST_CASE("a waiting key is not added twice, one being worked on runs once more") {
  Bench bench;
  WorkQueue queue(bench.loop, bench.work());
  queue.add("a");
  queue.add("a");
  CHECK(queue.waiting() == 1);
  bench.settle();
  CHECK(bench.began == std::vector<std::string>{"a"});
  queue.add("a");
  queue.add("a");
  bench.settle();
  CHECK(bench.began.size() == 1);
  bench.finish("a", WorkOutcome::success());
  CHECK(bench.began.size() == 2);
  bench.finish("a", WorkOutcome::success());
  CHECK(bench.began.size() == 2);
  CHECK(queue.waiting() == 0);
}

TEST_CASE("no more than `parallel` at a time, in the order of arrival") {
  Bench bench;
  WorkQueue queue(bench.loop, bench.work(), {.parallel = 2});
  for (const char* key : {"a", "b", "c", "d"}) queue.add(key);
  bench.settle();
  CHECK(bench.began == std::vector<std::string>{"a", "b"});
  bench.finish("b", WorkOutcome::success());
  CHECK(bench.began == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("retries double up to the cap and success forgets") {
  Bench bench;
  WorkQueue queue(bench.loop, bench.work(), {.first_delay = 100ms, .max_delay = 300ms});
  queue.add("a");
  bench.settle();
  for (const Duration delay : {100ms, 200ms, 300ms, 300ms}) {
    const std::size_t before = bench.began.size();
    bench.finish("a", WorkOutcome::retry());
    bench.clock.advance(delay - 1ms);
    CHECK(bench.began.size() == before);
    bench.clock.advance(1ms);
    CHECK(bench.began.size() == before + 1);
  }
  bench.finish("a", WorkOutcome::success());
  queue.add("a");
  bench.settle();
  const std::size_t before = bench.began.size();
  bench.finish("a", WorkOutcome::retry());
  bench.clock.advance(100ms);
  CHECK(bench.began.size() == before + 1);
}

TEST_CASE("again comes back after exactly so long and an event beats it") {
  Bench bench;
  WorkQueue queue(bench.loop, bench.work());
  queue.add("a");
  bench.settle();
  bench.finish("a", WorkOutcome::again(10s));
  CHECK(queue.waiting() == 1);
  bench.clock.advance(9s);
  CHECK(bench.began.size() == 1);
  bench.clock.advance(1s);
  CHECK(bench.began.size() == 2);
  bench.finish("a", WorkOutcome::again(1h));
  queue.add("a");
  bench.settle();
  CHECK(bench.began.size() == 3);
  bench.finish("a", WorkOutcome::success());
  bench.clock.advance(2h);
  CHECK(bench.began.size() == 3);
}

TEST_CASE("a forgotten key runs no more, unless added again") {
  Bench bench;
  WorkQueue queue(bench.loop, bench.work());
  queue.add("queued");
  queue.forget("queued");
  queue.add("working");
  bench.settle();
  queue.forget("working");
  bench.finish("working", WorkOutcome::retry());
  bench.clock.advance(1h);
  CHECK(bench.began == std::vector<std::string>{"working"});
  CHECK(queue.waiting() == 0);
  queue.add("working");
  bench.settle();
  queue.forget("working");
  queue.add("working");
  bench.finish("working", WorkOutcome::success());
  CHECK(bench.began.size() == 3);
}

TEST_CASE("an answer counts once and none counts after the queue has gone") {
  Bench bench;
  auto queue = std::make_unique<WorkQueue>(bench.loop, bench.work());
  queue->add("a");
  bench.settle();
  const Bench::Done done = bench.open.at("a");
  bench.finish("a", WorkOutcome::success());
  done(WorkOutcome::retry());
  bench.clock.advance(1h);
  CHECK(bench.began.size() == 1);
  queue->add("b");
  bench.settle();
  queue->add("c");
  queue.reset();
  bench.finish("b", WorkOutcome::retry());
  bench.clock.advance(1h);
  CHECK(bench.began.size() == 2);
}

TEST_CASE("work may answer at once and may destroy the queue") {
  ManualClock clock;
  Loop loop(clock);
  int runs = 0;
  std::unique_ptr<WorkQueue> queue;
  queue = std::make_unique<WorkQueue>(loop, [&](const std::string& key, std::function<void(WorkOutcome)> done) {
    ++runs;
    if (key == "last") queue.reset();
    done(WorkOutcome::success());
  });
  for (const char* key : {"a", "b", "last", "never"}) queue->add(key);
  clock.advance(0s);
  CHECK(runs == 3);
}
