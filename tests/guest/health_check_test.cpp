// Checks are real programs here, as hooks are in hooks_test.
#include "guest/health_check.hpp"

#include <unistd.h>

#include <csignal>

#include "core/runtime/manual_clock.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;

namespace {

wire::WorkloadCheck check_of(std::int32_t retries, Duration start_period = {}) { return {{"x"}, 30s, 30s, start_period, retries}; }

const Instant began{std::chrono::hours(5)};

struct Checked {
  TempDir dir;
  runtime::Loop loop;
  wire::Workload workload;
  std::unique_ptr<HealthCheck> health;
  std::vector<WorkloadHealth> told;

  explicit Checked(std::vector<std::string> argv, Duration timeout = 20s) {
    ::signal(SIGPIPE, SIG_IGN);
    workload.uid = ::getuid();
    workload.gid = ::getgid();
    workload.workdir = dir.path("");
    workload.healthcheck = wire::WorkloadCheck{std::move(argv), 100ms, timeout, {}, 2};
  }
  void start() {
    health = std::make_unique<HealthCheck>(loop, workload, [this] { told.push_back(health->health()); });
    health->start();
  }
  bool until(Health state) {
    return loop.run_until([&] { return health->health().state == state; });
  }
};

}  // namespace

TEST_CASE("healthy at the first success, unhealthy after so many failures in a row") {
  HealthRecord record(check_of(3), began);
  CHECK(record.health().state == Health::starting);
  record.passed();
  CHECK(record.health().state == Health::healthy);
  CHECK(record.pause() == 30s);
  record.failed("a", began + 100s);
  record.failed("b", began + 130s);
  CHECK(record.health().state == Health::healthy);
  CHECK(record.health().why == "b");
  record.passed();
  CHECK(record.health() == WorkloadHealth{Health::healthy, ""});
  for (int i = 0; i < 3; ++i) record.failed("c", began + 200s);
  CHECK(record.health() == WorkloadHealth{Health::unhealthy, "c"});
  record.passed();
  CHECK(record.health().state == Health::healthy);
}

TEST_CASE("a workload that starts is asked often, and has the time that its image gives it") {
  HealthRecord record(check_of(3, 60s), began);
  CHECK(record.pause() == 200ms);
  for (int i = 0; i < 50; ++i) record.failed("not yet", began + 59s);
  CHECK(record.health() == WorkloadHealth{Health::starting, "not yet"});
  CHECK(record.pause() == 5s);
  for (int i = 0; i < 50; ++i) record.failed("not yet", began + 149s);
  CHECK(record.health().state == Health::starting);
  record.failed("never", began + 150s);
  CHECK(record.health() == WorkloadHealth{Health::unhealthy, "never"});
}

TEST_CASE("a check has the workload's environment and folder, and its failure is told with its first words") {
  Checked it({"/bin/sh", "-c", "[ \"$WORD\" = 'two words' ] && [ -e here ] || { echo \"no file yet in $(pwd)\"; exit 3; }"});
  it.workload.env = {"WORD=two words"};
  it.start();
  REQUIRE(it.until(Health::unhealthy));
  CHECK(it.health->health().why.rfind("exit code 3: no file yet in /", 0) == 0);
  it.dir.write("here", "");
  REQUIRE(it.until(Health::healthy));
  CHECK(it.told.back() == WorkloadHealth{Health::healthy, ""});
  it.health->start();
  CHECK(it.told.back().state == Health::starting);
  REQUIRE(it.until(Health::healthy));
}

TEST_CASE("a check that hangs, talks without end, or is not there has failed") {
  Checked hangs({"/bin/sh", "-c", "sleep 1000 & wait"}, 50ms);
  hangs.start();
  REQUIRE(hangs.until(Health::unhealthy));
  CHECK(hangs.health->health().why == "the check has not ended within 50 ms");
  Checked talks({"/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; exit 1"});
  talks.start();
  REQUIRE(talks.until(Health::unhealthy));
  CHECK(talks.health->health().why == "exit code 1: 0123456789");
  Checked missing({"/no/such/check"});
  missing.start();
  REQUIRE(missing.until(Health::unhealthy));
  CHECK(missing.health->health().why.find("/no/such/check") != std::string::npos);
}
