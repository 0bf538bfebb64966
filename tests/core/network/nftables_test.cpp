// Rules in a real kernel: all of them, or none.
#include "core/network/nftables.hpp"

#include "core/network/rules_news.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/own_namespace.hpp"

using namespace neonvm;
using namespace neonvm::network;
using tests::OwnNamespace;

namespace {

std::string listed() {
  const auto table = listed_table("inet", "t");
  return table ? *table : std::string(to_string(table.error().code));
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("rules are applied, and replaced in one go") {
  const OwnNamespace network;
  CHECK(listed() == "not found");
  const Status applied = apply_rules("table inet t { chain c { tcp dport 1 accept; }; }");
  INFO((applied ? "" : applied.error().message));
  REQUIRE(applied.ok());
  CHECK(has(listed(), "tcp dport 1 accept"));
  REQUIRE(apply_rules("table inet t\ndelete table inet t\ntable inet t { chain c { tcp dport 2 accept; }; }").ok());
  CHECK(has(listed(), "tcp dport 2 accept"));
  CHECK_FALSE(has(listed(), "tcp dport 1"));
}

TEST_CASE("a set with one wrong rule changes nothing, and the words of nft say where") {
  const OwnNamespace network;
  REQUIRE(apply_rules("table inet t { chain c { tcp dport 1 accept; }; }").ok());
  const Status done = apply_rules("delete table inet t\ntable inet t { chain c { tcp dport 3 acept; } }");
  REQUIRE_FALSE(done.ok());
  CHECK(done.error().code == Code::invalid_argument);
  CHECK(has(done.error().message, "nftables: Error: syntax error"));
  // The kernel's refusal, not the parser's.
  CHECK_FALSE(apply_rules("delete table inet t\ndelete table inet nowhere").ok());
  CHECK(has(listed(), "tcp dport 1 accept"));
}

TEST_CASE("what is taken away of a table is told, what is added and what others lose is not") {
  const OwnNamespace network;
  auto news = RulesNews::open("t");
  REQUIRE(news.ok());
  REQUIRE(apply_rules("table inet t { set s { type ipv4_addr; elements = { 1.2.3.4 }; }; chain c { tcp dport 1 accept; }; }\ntable inet other { chain c { }; }").ok());
  CHECK_FALSE(news->read());
  REQUIRE(apply_rules("add rule inet t c tcp dport 2 accept").ok());
  REQUIRE(apply_rules("delete table inet other").ok());
  CHECK_FALSE(news->read());
  for (const char* loss : {"delete element inet t s { 1.2.3.4 }", "flush chain inet t c", "delete table inet t"}) {
    INFO(loss);
    REQUIRE(apply_rules(loss).ok());
    CHECK(news->read());
    CHECK_FALSE(news->read());
  }
}
