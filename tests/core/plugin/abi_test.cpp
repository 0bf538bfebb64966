#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"
#include "tests/core/plugin/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;

extern "C" int neonvm_abi_layout_holds(void);

TEST_CASE("abi: the layout file was compiled into this program") { CHECK(neonvm_abi_layout_holds() == 1); }

TEST_CASE("abi: error numbers are those of Code") {
  const auto is = [](Code code, int number) { return static_cast<int>(code) == number; };
  CHECK(is(Code::invalid_argument, NEONVM_E_INVALID_ARGUMENT));
  CHECK(is(Code::not_found, NEONVM_E_NOT_FOUND));
  CHECK(is(Code::already_exists, NEONVM_E_ALREADY_EXISTS));
  CHECK(is(Code::conflict, NEONVM_E_CONFLICT));
  CHECK(is(Code::out_of_capacity, NEONVM_E_OUT_OF_CAPACITY));
  CHECK(is(Code::unavailable, NEONVM_E_UNAVAILABLE));
  CHECK(is(Code::deadline_exceeded, NEONVM_E_DEADLINE_EXCEEDED));
  CHECK(is(Code::cancelled, NEONVM_E_CANCELLED));
  CHECK(is(Code::refused, NEONVM_E_REFUSED));
  CHECK(is(Code::unsupported, NEONVM_E_UNSUPPORTED));
  CHECK(is(Code::permission_denied, NEONVM_E_PERMISSION_DENIED));
  CHECK(is(Code::data_loss, NEONVM_E_DATA_LOSS));
  CHECK(is(Code::internal, NEONVM_E_INTERNAL));
  CHECK(is(Code::failed_precondition, NEONVM_E_FAILED_PRECONDITION));
}

TEST_CASE("abi: a module shows one symbol") {
  const std::string shown = plugin::run("nm -D --defined-only " MODULE_FOLDER "/policy-default.so");
  CHECK_THAT(shown, Catch::EndsWith(" T neonvm_plugin_v1\n"));
  CHECK(std::count(shown.begin(), shown.end(), '\n') == 1);
}
