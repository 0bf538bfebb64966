// What the Postgres hook works out and reads; how it gets on with a real server is in tests/vm-builder/postgres_hook_test.py.
#include "guest/guest_metrics.hpp"
#include "guest/postgres/advice.hpp"
#include "guest/postgres/messages.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace neonvm::guest::postgres;

namespace {

Known stock(std::uint64_t buffers_mib = 128) {
  Known known;
  known.server = 7;
  known.shared_buffers = Bytes{buffers_mib * mib};
  return known;
}

Resources size(std::uint32_t milli, std::uint64_t mebibytes) { return {MilliCpu{milli}, Bytes{mebibytes * mib}}; }

bool says(const std::string& text, const std::string& line) { return ("\n" + text).find("\n" + line + "\n") != std::string::npos; }

std::string bytes(std::initializer_list<int> all) { return {all.begin(), all.end()}; }

}  // namespace

TEST_CASE("settings follow the size, within bounds") {
  const std::string text = settings(stock(), size(3500, 4096));
  for (const char* line : {"work_mem = 13MB", "maintenance_work_mem = 256MB", "effective_cache_size = 3072MB", "max_parallel_workers = 4",
                           "max_parallel_workers_per_gather = 2", "max_parallel_maintenance_workers = 2"}) {
    INFO(line);
    CHECK(says(text, line));
  }
  CHECK(text.find("neon.") == std::string::npos);
  const std::string tiny = settings(stock(), size(250, 64));
  CHECK(says(tiny, "work_mem = 4MB"));
  CHECK(says(tiny, "maintenance_work_mem = 64MB"));
  CHECK(says(tiny, "max_parallel_workers_per_gather = 1"));
  const std::string huge = settings(stock(), size(128'000, 4 * 1024 * 1024));
  CHECK(says(huge, "work_mem = 1024MB"));
  CHECK(says(huge, "maintenance_work_mem = 2048MB"));
  CHECK(says(huge, "max_parallel_workers_per_gather = 8"));
}

// guest.md 3.8, over what is 100 MiB less than the VM.
TEST_CASE("the local file cache is as large as upstream makes it, but never larger than the server allows") {
  Known known = stock();
  known.neon = true;
  known.cache_most = Bytes{64 * gib};
  const auto [vm, cache] = GENERATE(table<std::uint64_t, std::uint64_t>(
      {{256, 0}, {512, 141}, {1024, 607}, {2048, 1461}, {4096, 2997}, {8192, 6069}, {16384, 12213}, {65536, 49077}}));
  CHECK(cache_limit(known, Bytes{vm * mib}) == Bytes{cache * mib});
  CHECK(says(settings(known, size(1000, vm)), "neon.file_cache_size_limit = " + std::to_string(cache) + "MB"));
  known.cache_most = Bytes{100 * mib + 5};
  CHECK(cache_limit(known, Bytes{vm * mib}) == Bytes{std::min<std::uint64_t>(cache, 100) * mib});
}

TEST_CASE("notes are read back as they were written, and nothing else is") {
  Known known = stock();
  known.asked_at = 12;
  known.neon = true;
  known.cache_most = Bytes{5};
  known.hits = ~std::uint64_t{0};
  known.largest = Bytes{gib};
  known.most_cpus = 3;
  known.was_full = true;
  const std::string text = encode(known);
  CHECK(decode_known(text) == known);
  for (std::size_t cut = 0; cut + 1 < text.size(); ++cut) CHECK_FALSE(decode_known(text.substr(0, cut)));
  CHECK_FALSE(decode_known("a" + text));
}

TEST_CASE("the page cache counts while blocks are asked of it, unless they are scanned once") {
  Facts facts;
  facts.shared_buffers = Bytes{128 * mib};
  facts.reads = 1000;
  const Known first = learned(std::nullopt, facts, 7, 100);
  CHECK(working_set(first, facts, Bytes{gib}, Bytes{300 * mib}, 100) == Bytes{0});
  facts.reads += 60 * 200;  // 1.6 MiB/s
  const Known second = learned(first, facts, 7, 160);
  CHECK(working_set(second, facts, Bytes{gib}, Bytes{300 * mib}, 160) == Bytes{300 * mib});
  CHECK(working_set(second, facts, Bytes{gib}, Bytes{300 * mib}, 459) == Bytes{300 * mib});
  CHECK(working_set(second, facts, Bytes{gib}, Bytes{300 * mib}, 460) == Bytes{0});
  SECTION("cold buffers") {
    facts.reads += 60 * 200;
    facts.hot = 0.1;
    CHECK(learned(learned(first, Facts{}, 7, 160), facts, 7, 220).read_at == 0);
  }
  SECTION("another server") { CHECK(learned(second, facts, 8, 220).read_at == 0); }
  SECTION("statistics that were reset") {
    facts.reads = 5;
    CHECK(learned(first, facts, 7, 160).read_at == 0);
    CHECK_FALSE(hit_ratio(first, facts));
  }
  SECTION("the local file cache counts as far as it is cached") {
    facts.cache = FileCache{{}, {}, std::vector<double>(60, 65536)};
    CHECK(working_set(second, facts, Bytes{gib}, Bytes{0}, 160) == Bytes{512 * mib});
    CHECK(working_set(second, facts, Bytes{100 * mib}, Bytes{0}, 160) == Bytes{100 * mib});
  }
}

TEST_CASE("a notice stays while the server runs, whatever size the VM has") {
  Facts facts;
  facts.shared_buffers = Bytes{128 * mib};
  Known known = learned(std::nullopt, facts, 7, 1);
  has_size(known, size(1000, 1024));
  CHECK(notices(known, facts, "").empty());
  has_size(known, size(9000, 1025));
  has_size(known, size(500, 512));
  const auto told = notices(known, facts, "");
  REQUIRE(told.size() == 2);
  CHECK(told[0].find("shared_buffers is 128MB") == 0);
  CHECK(told[1].find("max_worker_processes is 8") == 0);
  facts.connected = 90;
  known = learned(known, facts, 7, 2);
  facts.connected = 1;
  known = learned(known, facts, 7, 3);
  CHECK(notices(known, facts, "").size() == 3);
  CHECK(notices(learned(known, facts, 8, 4), facts, "").empty());
}

TEST_CASE("messages of a server are cut where they end") {
  std::string got = bytes({'Z', 0, 0, 0, 5, 'I', 'D', 0, 0});
  auto first = take_message(got);
  REQUIRE((first && *first));
  CHECK((*first)->type == 'Z');
  CHECK((*first)->body == "I");
  CHECK_FALSE(take_message(got)->has_value());
  got = bytes({'D', 0, 0, 0, 3});
  CHECK_FALSE(take_message(got));
  got = bytes({'D', 0x7f, 0, 0, 0, 0});
  CHECK_FALSE(take_message(got));
}

TEST_CASE("rows have texts and nulls, and are not read beyond their end") {
  const std::string row = bytes({0, 2, 0, 0, 0, 2, 'h', 'i', 255, 255, 255, 255});
  CHECK(*row_of(row) == Row{"hi", std::nullopt});
  for (std::size_t cut = 0; cut < row.size(); ++cut) CHECK_FALSE(row_of(row.substr(0, cut)));
}

TEST_CASE("an error of the server is one line, and says whether we are let in") {
  const Error starting = error_of(std::string("SFATAL\0C57P03\0Mthe database\nis starting\0\0", 42));
  CHECK(starting.message == "FATAL: the database is starting");
  CHECK(starting.code == Code::unavailable);
  CHECK(error_of(std::string("SFATAL\0C28000\0Mno\0\0", 19)).code == Code::permission_denied);
  CHECK(error_of("").message == "no reason was given");
}

TEST_CASE("metrics of hooks: one type for a name, one value for a series") {
  using wire::HookMetric;
  using wire::MetricType;
  const std::vector<HookMetric> metrics = {{"b", MetricType::counter, "Help", {{"x", "1"}}, 1}, {"b", MetricType::gauge, "Other", {}, 9},
                                           {"b", MetricType::counter, "Other", {{"x", "1"}}, 2}, {"a", MetricType::gauge, "", {}, 0.5}};
  CHECK(hook_metrics_text(metrics) == "# HELP a \n# TYPE a gauge\na 0.5\n# HELP b Help\n# TYPE b counter\nb{x=\"1\"} 2\n");
  CHECK(hook_metrics_text({}).empty());
  CHECK(cache_metrics_text(metrics, {}).empty());
  const std::vector<double> pages = {5, 8};
  CHECK(cache_metrics_text({}, pages).find("lfc_approximate_working_set_size_windows{duration_seconds=\"120\"} 8\n") != std::string::npos);
}
