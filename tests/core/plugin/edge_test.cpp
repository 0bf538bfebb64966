#include "core/plugin/edge.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::plugin;

namespace {

template <std::size_t size>
std::string cut(std::string_view text) {
  char buffer[size + 1];
  buffer[size] = 'x';
  copy_cut(text, buffer, size);
  REQUIRE(buffer[size] == 'x');
  return buffer;
}

Status refused_with(std::int32_t code, const std::string& message) {
  neonvm_error error{};
  copy_cut(message, error.message, sizeof error.message);
  return error_from(code, error, "policy tiny");
}

}  // namespace

TEST_CASE("edge: what fits is copied, what does not is cut between characters") {
  CHECK(cut<8>("1234567") == "1234567");
  CHECK(cut<8>("12345678") == "1234…");
  CHECK(cut<8>("123äöü") == "123…");      // ä would be halved
  CHECK(cut<8>("12äöü") == "12ä…");
  CHECK(cut<8>("") == "");
  CHECK(cut<3>("12345") == "12");         // no room for the mark
  CHECK(cut<3>("1äöü") == "1");
  CHECK(cut<1>("12345") == "");
  copy_cut("nothing", nullptr, 0);
}

TEST_CASE("edge: a fixed text without its zero ends with its buffer") {
  const char buffer[4] = {'a', 'b', 'c', 'd'};
  CHECK(fixed_text(buffer, sizeof buffer) == "abcd");
  CHECK(fixed_text("ab\0d", 4) == "ab");
}

TEST_CASE("edge: errors pass unchanged, faults name the plugin") {
  CHECK(refused_with(NEONVM_E_CONFLICT, "read again").error().message == "read again");
  CHECK(refused_with(NEONVM_E_CONFLICT, "read again").error().code == Code::conflict);
  CHECK(refused_with(NEONVM_E_NOT_FOUND, "").error().message == "not found (it gave no reason)");
  CHECK(refused_with(NEONVM_E_INTERNAL, "oops").error().message == "policy tiny: oops");
  CHECK(refused_with(99, "").error().message == "policy tiny: answered the unknown error code 99");
  CHECK(refused_with(-1, "x").error().code == Code::internal);
}

TEST_CASE("edge: nothing leaves the wall") {
  neonvm_error error{};
  CHECK(guarded(&error, [] { return Status(); }) == NEONVM_OK);
  CHECK(guarded(&error, [] { return Status(Error{Code::refused, "no"}); }) == NEONVM_E_REFUSED);
  CHECK(std::string(error.message) == "no");
  CHECK(guarded(&error, []() -> Status { throw std::runtime_error("deep inside"); }) == NEONVM_E_INTERNAL);
  CHECK(std::string(error.message) == "deep inside");
  CHECK(guarded(&error, []() -> Status { throw std::bad_alloc(); }) == NEONVM_E_INTERNAL);
  CHECK(guarded(&error, []() -> Status { throw 42; }) == NEONVM_E_INTERNAL);
  CHECK(std::string(error.message) == "threw something that is no std::exception");
  CHECK(guarded(nullptr, []() -> Status { throw 42; }) == NEONVM_E_INTERNAL);
}

TEST_CASE("edge: kept results") {
  const auto give = [](const Kept& kept, const char* text) { kept.sink()->take(kept.sink()->context, text, 1); };
  Kept none;
  CHECK(none.one("p").error().message == "p: gave no result");
  Kept one;
  give(one, "a");
  CHECK(*one.one("p") == "a");
  Kept two;
  give(two, "a");
  give(two, "b");
  CHECK(two.at_most_one("p").error().message == "p: gave more than one result");
  Kept empty;
  empty.sink()->take(empty.sink()->context, nullptr, 0);
  CHECK(*empty.one("p") == "");
}
