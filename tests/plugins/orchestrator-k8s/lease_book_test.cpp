#include "plugins/orchestrator-k8s/lease_book.hpp"

#include "tests/support/catch.hpp"

namespace neonvm::k8s {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{1h};

TEST_CASE("a lease is taken over once it was seen unchanged for its own time, not before") {
  LeaseBook book;
  LeaseRecord record{"7", "a", 3s, 0, ""};
  CHECK(book.may_take("l", record, "a", start));
  CHECK_FALSE(book.may_take("l", record, "b", start));
  CHECK_FALSE(book.may_take("l", record, "b", start + 3s));
  record.version = "8";  // renewed: the time begins anew
  CHECK_FALSE(book.may_take("l", record, "b", start + 4s));
  CHECK_FALSE(book.may_take("l", record, "b", start + 7s));
  CHECK(book.may_take("l", record, "b", start + 7s + 1ms));
  CHECK_FALSE(book.may_take("other", record, "b", start + 7s + 1ms));
}

TEST_CASE("what was written is used once, by who wrote it") {
  LeaseBook book;
  CHECK_FALSE(book.take_written("l", "a"));
  book.wrote("l", {"7", "a", 3s, 0, ""});
  CHECK_FALSE(book.take_written("l", "b"));
  book.wrote("l", {"8", "a", 3s, 0, ""});
  CHECK_FALSE(book.take_written("other", "a"));
  REQUIRE(book.take_written("l", "a") == LeaseRecord{"8", "a", 3s, 0, ""});
  CHECK_FALSE(book.take_written("l", "a"));
}

TEST_CASE("a lease that nobody holds is free") {
  LeaseBook book;
  CHECK(book.may_take("l", {}, "a", start));
  CHECK(book.may_take("l", {"7", "", 3s, 0, ""}, "a", start));
}

TEST_CASE("a lease is read as it was written, to the millisecond") {
  const std::string written = encode_lease({}, "default", "l", "a", 1500ms, WallTime{1700000000123ms});
  CHECK(written.find("\"renewTime\":\"2023-11-14T22:13:20.123000Z\"") != std::string::npos);
  CHECK(written.find("\"leaseDurationSeconds\":2") != std::string::npos);
  std::string stored = written;
  stored.replace(stored.find("\"name\""), 0, "\"resourceVersion\":\"5\",");
  const auto read = decode_lease(stored);
  REQUIRE(read.ok());
  CHECK(read->holder == "a");
  CHECK(read->lasts == 1500ms);
  CHECK(read->version == "5");
  CHECK_FALSE(decode_lease("{}").ok());
}

}  // namespace
}  // namespace neonvm::k8s
