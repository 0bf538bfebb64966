// Scaling events from a change of size to whoever is to have them, over failures and restarts; time is turned by hand.
#include "core/daemon/event_pusher.hpp"

#include <mutex>
#include <utility>

#include "core/daemon/scaling_reporter.hpp"
#include "core/runtime/manual_clock.hpp"
#include "core/wire/model_json.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/fake_orchestrator.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::daemon;
using namespace std::chrono_literals;

namespace {

struct Office {
  mutable std::mutex mutex;                // sending is on a worker, which the loop waits for
  int failures = 0;                        // of the next sendings
  std::vector<EventBatch> taken;
  int tries = 0;
  TempDir directory;
  fakes::FakeOrchestrator orchestrator;
  runtime::MetricsRegistry metrics;
  runtime::ManualClock clock;
  runtime::Loop loop{clock};
  World world{loop, orchestrator, {Kind::virtual_machine}};
  std::shared_ptr<EventSpool> spool;
  std::unique_ptr<EventPusher> pusher;
  std::unique_ptr<ScalingReporter> reporter;

  explicit Office(std::uint64_t most = 1 << 20) {
    Object vm;
    vm.kind = Kind::virtual_machine;
    vm.name = "web";
    wire::encode_vm_spec({}, vm);
    vm.labels["neon/endpoint-id"] = "ep-1";
    REQUIRE(orchestrator.create(vm, std::chrono::steady_clock::now() + 10s).ok());
    world.start();
    REQUIRE(loop.run_until([this] { return world.synced(); }));
    open(most);
  }
  void open(std::uint64_t most) {
    reporter.reset();
    pusher.reset();
    auto opened = EventSpool::open((directory.path() / "spool").string(), {"s3"}, most);
    REQUIRE(opened.ok());
    spool = std::move(*opened);
    EventPusherSettings settings;
    settings.stream = EventStream::scaling;
    settings.client = "s3";
    pusher = std::make_unique<EventPusher>(loop, spool, metrics, settings, [this](const EventBatch& batch, Deadline) -> Status {
      const std::lock_guard lock(mutex);
      ++tries;
      if (failures > 0) return --failures, Error{Code::unavailable, "S3 error: 503"};
      taken.push_back(batch);
      return {};
    });
    reporter = std::make_unique<ScalingReporter>(loop, world, metrics, spool, ScalingReporterSettings{"eu", {{1000}, {1 * gib}}, 2, 30s}, [this] { pusher->look(); });
    reporter->start();
  }
  void fail(int times) {
    const std::lock_guard lock(mutex);
    failures = times;
  }
  [[nodiscard]] int tried() const {
    const std::lock_guard lock(mutex);
    return tries;
  }
  [[nodiscard]] bool tells(const std::string& line) const { return metrics.text().find(line + "\n") != std::string::npos; }
  // Turns the clock until it holds; what workers do takes real time, and a disk with others on it much of that.
  bool until(const std::function<bool()>& holds) {
    bool turning = false;
    return loop.run_until(
        [&] {
          if (holds()) return true;
          if (!std::exchange(turning, true)) {
            loop.post([this, &turning] {
              clock.advance(100ms);
              turning = false;
            });
          }
          return false;
        },
        120s);
  }
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex);
    std::vector<std::string> all;
    for (const EventBatch& batch : taken) all.insert(all.end(), batch.lines.begin(), batch.lines.end());
    return all;
  }
};

Resources units(std::uint32_t count) { return {{1000 * count}, {count * gib}}; }

}  // namespace

TEST_CASE("a size that is written is told, and a wish only when it changes") {
  Office office;
  for (int sample = 0; sample < 5; ++sample) office.reporter->heard({"web", true, units(1), units(3)});
  office.reporter->heard({"web", false, units(1), units(2)});
  office.reporter->heard({"web", true, units(2), {{3200}, {3 * gib}}});
  office.reporter->heard({"gone", false, units(1), units(2)});
  REQUIRE(office.until([&] { return office.lines().size() == 3; }));
  const auto lines = office.lines();
  CHECK(lines[0].find(R"("endpoint_id":"ep-1","goalComponents":{"cpu":6.0,"mem":6.0},"kind":"hypothetical","region":"eu","target_cu":6000)") != std::string::npos);
  CHECK(lines[1].find(R"("current_cu":2000,"endpoint_id":"ep-1","kind":"actual","region":"eu","target_cu":4000)") != std::string::npos);
  CHECK(office.metrics.text().find("autoscaling_agent_scaling_events_total{kind=\"hypothetical\"} 2\n") != std::string::npos);
}

TEST_CASE("a batch that fails is sent again, the same, and the others wait for it") {
  Office office;
  office.fail(3);
  office.reporter->heard({"web", false, units(1), units(2)});
  REQUIRE(office.until([&] { return office.tried() == 1; }));
  office.reporter->heard({"web", false, units(2), units(3)});
  REQUIRE(office.until([&] { return office.tells("neonvm_event_batches_total{client=\"s3\",outcome=\"sent\",stream=\"scaling\"} 2"); }));
  CHECK(office.tried() == 5);
  CHECK(office.lines().size() == 2);
  CHECK(office.taken[0].number < office.taken[1].number);
  CHECK(office.tells("autoscaling_agent_scalingevents_send_errors_total{cause=\"S3 error\",client=\"s3\"} 3"));
}

TEST_CASE("what was written down goes out after a restart") {
  Office office;
  office.fail(1000);
  office.reporter->heard({"web", false, units(1), units(2)});
  REQUIRE(office.until([&] { return office.spool->bytes() > 0; }));
  office.fail(0);
  office.open(1 << 20);
  REQUIRE(office.until([&] { return office.lines().size() == 1; }));
}

TEST_CASE("a full spool keeps events in memory and says so") {
  Office office(40'000);
  office.fail(1000);
  for (std::uint32_t size = 1; size <= 500; ++size) office.reporter->heard({"web", false, units(size), units(size + 1)});
  REQUIRE(office.until([&] { return !office.tells("neonvm_event_spool_refusals_total{stream=\"scaling\"} 0"); }));
  office.fail(0);
  REQUIRE(office.until([&] { return office.lines().size() == 500; }));
}
