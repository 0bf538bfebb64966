#include "core/policy/line.hpp"

#include <cstdio>
#include <limits>
#include <string>

#include "core/model/metrics.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy;

namespace {

template <typename T>
std::string text(T value) {
  Line line;
  line << value;
  return std::string(line.text());
}

}  // namespace

TEST_CASE("line: figures are as short as they can be") {
  CHECK(text(3.5) == "3.5");
  CHECK(text(15.5555) == "15.56");
  CHECK(text(0.0) == "0");
  CHECK(text(0.9) == "0.9");
  CHECK(text(0.04321) == "0.04321");
  CHECK(text(9.99999) == "10");
  CHECK(text(-2.25) == "-2.25");
  CHECK(text(1234567.8) == "1234568");
  CHECK(text(1e-9) == "1e-09");
  CHECK(text(1e300) == "1e+300");
  CHECK(text(absent) == "nan");
  CHECK(text(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("line: decimals are all there") {
  CHECK(text(in_mib(Bytes{2560 * mib})) == "2560.0");
  CHECK(text(Decimals{1.25, 1}) == "1.3");
  CHECK(text(Decimals{0.04, 1}) == "0.0");
  CHECK(text(Decimals{-0.04, 1}) == "0.0");
  CHECK(text(Decimals{7, 0}) == "7");
  CHECK(text(Decimals{1e200, 1}) == "1e+200");
}

TEST_CASE("line: agrees with printf where that writes plainly") {
  for (double x = 0.0123; x < 9000; x *= 1.37) {
    char expected[32];
    std::snprintf(expected, sizeof expected, "%.4g", x);
    INFO(x);
    CHECK(text(x) == expected);
  }
}

TEST_CASE("line: what does not fit is dropped") {
  Line line;
  for (int i = 0; i < 100; ++i) line << "1234567" << i;
  CHECK(line.text().size() == 223);
}
