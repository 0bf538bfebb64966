#include "core/model/shown_text.hpp"

#include "tests/support/catch.hpp"

using neonvm::harmless;

TEST_CASE("what others say cannot drive a terminal") {
  CHECK(harmless("\x1b[31mred\x7f\r\n\tend", 100) == "?[31mred????end");
  CHECK(harmless(std::string("a\0b", 3), 100) == "a?b");
  CHECK(harmless("größer als €5", 100) == "größer als €5");
}

TEST_CASE("a text is cut between characters") {
  CHECK(harmless("abcdef", 4) == "abcd");
  CHECK(harmless("abc€", 6) == "abc€");
  CHECK(harmless("abc€", 5) == "abc");
  CHECK(harmless("abc€", 3) == "abc");
  CHECK(harmless("€", 0).empty());
  // Not UTF-8 at all: nothing of it is a beginning.
  CHECK(harmless(std::string(10, '\x80'), 4).empty());
}
