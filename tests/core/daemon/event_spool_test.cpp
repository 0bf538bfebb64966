#include "core/daemon/event_spool.hpp"

#include <fstream>

#include "core/daemon/event_sink.hpp"
#include "core/wire/usage.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using namespace neonvm::daemon;

namespace {

const WallTime noon = WallTime(std::chrono::seconds(1440938160));  // 2015-08-30T12:36:00Z

struct Place {
  TempDir directory;
  std::string folder = (directory.path() / "spool").string();

  [[nodiscard]] std::unique_ptr<EventSpool> open(std::vector<std::string> clients = {"http", "s3"}, std::uint64_t most = 1 << 20) const {
    auto spool = EventSpool::open(folder, std::move(clients), most);
    REQUIRE(spool.ok());
    return std::move(*spool);
  }
  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
  }
};

}  // namespace

TEST_CASE("a batch goes when every client has it, and not before it is released") {
  const Place place;
  const auto spool = place.open();
  REQUIRE(spool->commit("note", {"{\"a\":1}", "{\"a\":2}"}, noon).ok());
  CHECK(spool->next_for("http")->number == 0);
  spool->release();
  const EventBatch batch = *spool->next_for("http");
  CHECK((batch.number == 1 && batch.made == noon && batch.note == "note" && batch.id.size() == 32));
  CHECK(batch.lines == std::vector<std::string>{"{\"a\":1}", "{\"a\":2}"});
  CHECK(spool->next_for("s3")->id == batch.id);
  REQUIRE(spool->delivered(1, "http").ok());
  CHECK(spool->next_for("http")->number == 0);
  CHECK((spool->waiting("http") == 0 && spool->waiting("s3") == 1 && spool->bytes() > 0));
  REQUIRE(spool->delivered(1, "s3").ok());
  CHECK((place.files() == 0 && spool->bytes() == 0));
}

TEST_CASE("whoever opens it again finds what was there, who has it, and nothing half") {
  const Place place;
  std::string id;
  {
    const auto spool = place.open();
    REQUIRE(spool->commit("one", {"1"}, noon).ok());
    REQUIRE(spool->commit("two", {"2"}, noon).ok());
    spool->release();
    id = spool->next_for("s3")->id;
    REQUIRE(spool->delivered(1, "http").ok());
  }
  std::ofstream(place.folder + "/00000000000000000003-5-x.ndjson.tmp") << "half";
  {
    const auto spool = place.open();
    CHECK(*spool->last_note() == "two");
    spool->release();
    CHECK(spool->next_for("http")->number == 2);
    CHECK((spool->next_for("s3")->number == 1 && spool->next_for("s3")->id == id));
  }
  // A client that is not there any more is not waited for.
  const auto spool = place.open({"http"});
  CHECK(spool->waiting("http") == 1);
  REQUIRE(spool->delivered(2, "http").ok());
  CHECK(place.files() == 0);
}

TEST_CASE("a journal becomes a batch, also after a crash, without the line that was torn") {
  const Place place;
  {
    const auto spool = place.open();
    CHECK_FALSE(*spool->seal(noon));
    REQUIRE(spool->append({"1", "2"}).ok());
    REQUIRE(spool->append({"3"}).ok());
    CHECK(*spool->seal(noon));
    REQUIRE(spool->append({"4"}).ok());
  }
  std::ofstream(place.folder + "/open.ndjson", std::ios::app) << "{\"torn\":";
  const auto spool = place.open();
  spool->release();
  CHECK(spool->next_for("s3")->lines == std::vector<std::string>{"1", "2", "3"});
  REQUIRE(spool->delivered(1, "s3").ok());
  CHECK(spool->next_for("s3")->lines == std::vector<std::string>{"4"});
}

TEST_CASE("a full spool says so and keeps what it has") {
  const Place place;
  const auto spool = place.open({"s3"}, 100);
  REQUIRE(spool->commit("", {std::string(60, 'x')}, noon).ok());
  const auto second = spool->commit("", {std::string(60, 'y')}, noon);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Code::out_of_capacity);
  CHECK(spool->append({std::string(60, 'z')}).error().code == Code::out_of_capacity);
  spool->release();
  REQUIRE(spool->delivered(1, "s3").ok());
  CHECK(spool->commit("", {std::string(60, 'y')}, noon).ok());
}

TEST_CASE("objects are named as upstream names them, and a batch always the same") {
  const EventBatch batch{7, "0123456789abcdef0123456789abcdef", noon, "", {}};
  CHECK(object_key(EventStream::billing, "", batch) == "year=2015/month=08/day=30/hour=12/12:36:00Z_0123456789abcdef0123456789abcdef.ndjson.gz");
  CHECK(object_key(EventStream::billing, "agent//", batch).starts_with("agent/year=2015/"));
  CHECK(object_key(EventStream::scaling, "events", batch) == "events/2015/08/30/12/events_0123456789abcdef0123456789abcdef.ndjson.gz");
  CHECK(cause_of({Code::unavailable, "HTTP code 503: 503 busy"}) == "HTTP code 503");
  CHECK_FALSE(s3_sink({"b", "", "", "", "", ""}, EventStream::billing, nullptr).ok());
  CHECK_FALSE(azure_sink({"https://a.b", "c", "", "", "", ""}, EventStream::billing, nullptr).ok());
}

TEST_CASE("events have upstream's members; a saved book is read as it was written") {
  const wire::UsageEvent usage{"2015-08-30T12:36:00Z-host-1/2", "effective_compute_seconds", "ep-1", noon, noon + std::chrono::milliseconds(24500), 6};
  CHECK(wire::encode(usage) ==
        R"({"endpoint_id":"ep-1","idempotency_key":"2015-08-30T12:36:00Z-host-1/2","metric":"effective_compute_seconds",)"
        R"("start_time":"2015-08-30T12:36:00Z","stop_time":"2015-08-30T12:36:24.500Z","type":"incremental","value":6})");
  wire::ScalingEvent scaling{noon, "eu", "ep-1", false, 1000, 2500, {}};
  CHECK(wire::encode(scaling) == R"({"current_cu":1000,"endpoint_id":"ep-1","kind":"actual","region":"eu","target_cu":2500,"timestamp":"2015-08-30T12:36:00Z"})");
  scaling.hypothetical = true;
  scaling.goal = {{"cpu", 2.5}, {"mem", 1}};
  CHECK(wire::encode(scaling).find(R"("goalComponents":{"cpu":2.5,"mem":1.0})") != std::string::npos);
  wire::SavedUsage saved{3, "boot", noon, {{"u1", "", Resources{{250}, {1 * gib}}, 12345678901, 7, 8, 9}, {"u2", "ep", std::nullopt, 1, 0, 0, 18446744073709551615u}}};
  const auto again = wire::decode_saved_usage(wire::encode(saved));
  REQUIRE(again.ok());
  CHECK(*again == saved);
  for (const char* bad : {"", "{}", "[]", "{\"window\":1}", "{\"window\":-1,\"boot\":\"\",\"accounts\":[]}"}) CHECK_FALSE(wire::decode_saved_usage(bad).ok());
}
