#include "core/wire/overcommit.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

Overcommit factors(const char* spec) {
  const auto read = wire::decode_overcommit(spec);
  if (!read) FAIL(read.error().message);
  return *read;
}

std::string fault(const char* spec) {
  const auto read = wire::decode_overcommit(spec);
  REQUIRE_FALSE(read.ok());
  return read.error().message;
}

}  // namespace

TEST_CASE("a factor is a quantity") {
  CHECK(factors(R"({"overcommit":{"cpu":2,"memory":"1.5"}})") == Overcommit{2000, 1500});
  CHECK(factors(R"({"overcommit":{"cpu":"2500m"}})") == Overcommit{2500, 1000});
}

TEST_CASE("nobody overcommits by not saying so") {
  CHECK(factors("{}") == Overcommit{});
  CHECK(factors(R"({"overcommit":null})") == Overcommit{});
  CHECK(factors(R"({"overcommit":{"cpu":null}})") == Overcommit{});
}

TEST_CASE("a factor that is none names its field") {
  CHECK(fault(R"({"overcommit":{"cpu":"two"}})").find("spec.overcommit.cpu: ") == 0);
  CHECK(fault(R"({"overcommit":{"memory":[2]}})").find("spec.overcommit.memory: ") == 0);
  CHECK(fault(R"({"overcommit":3})").find("spec.overcommit: ") == 0);
  CHECK_FALSE(wire::decode_overcommit("{").ok());
}
