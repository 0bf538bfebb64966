#include <rapidcheck.h>

#include <limits>

#include "core/model/resources.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

std::uint32_t milli(const char* text) {
  INFO(text);
  const auto cpu = parse_milli_cpu(text);
  REQUIRE(cpu.ok());
  return cpu->value;
}

std::uint64_t bytes(const char* text) {
  INFO(text);
  const auto size = parse_bytes(text);
  REQUIRE(size.ok());
  return size->value;
}

}  // namespace

TEST_CASE("CPUs are read as Kubernetes reads them") {
  CHECK(milli("2") == 2000);
  CHECK(milli("0.25") == 250);
  CHECK(milli("250m") == 250);
  CHECK(milli(".5") == 500);
  CHECK(milli("5.") == 5000);
  CHECK(milli("+1") == 1000);
  CHECK(milli("1e3") == 1'000'000);
  CHECK(milli("1E-1") == 100);
  CHECK(milli("1k") == 1'000'000);
  CHECK(milli("100000u") == 100);
  CHECK(milli("000001") == 1000);
  CHECK(milli("0") == 0);
  CHECK(milli("0e999999999999999999999") == 0);
}

TEST_CASE("CPUs round up to the next thousandth") {
  CHECK(milli("0.0001") == 1);
  CHECK(milli("1n") == 1);
  CHECK(milli("0.2500000000000000000000000000001") == 251);
  CHECK(milli("1e-999999999") == 1);
  CHECK(milli("999999999n") == 1000);
}

TEST_CASE("sizes are read as Kubernetes reads them") {
  CHECK(bytes("512Mi") == 512 * mib);
  CHECK(bytes("1.5Gi") == 1536 * mib);
  CHECK(bytes("1000000") == 1'000'000);
  CHECK(bytes("1G") == 1'000'000'000);
  CHECK(bytes("2e9") == 2'000'000'000);
  CHECK(bytes("1E") == 1'000'000'000'000'000'000);
  CHECK(bytes("7Ei") == std::uint64_t{7} << 60);
  CHECK(bytes("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
  CHECK(bytes("1m") == 1);
  CHECK(bytes("1500m") == 2);
  CHECK(bytes("0.1Ki") == 103);
  CHECK(bytes("1.00000000000000000000001") == 2);
}

TEST_CASE("what is no quantity is refused with what is accepted") {
  for (const char* text : {"", " ", "1 ", "x", "m", ".", "1e3m", "1e", "1e+", "1KI", "1ki", "1kb", "1MiB", "0x10", "1,5",
                           "+-1", "1.2.3", "Mi", "nan", "inf", "1e1e1"}) {
    INFO(text);
    const auto cpu = parse_milli_cpu(text);
    REQUIRE_FALSE(cpu.ok());
    CHECK(cpu.error().code == Code::invalid_argument);
    CHECK(cpu.error().message == "\"" + std::string(text) +
                                     "\" is not a quantity; give a number of CPUs, such as 2, 0.25 or 250m");
    CHECK_FALSE(parse_bytes(text).ok());
  }
}

TEST_CASE("negative and too large sizes are refused by name") {
  CHECK(parse_bytes("-1Gi").error().message.find("is negative") != std::string::npos);
  CHECK(parse_bytes("8Ei").error().message == "\"8Ei\" is too large; give less than 8Ei");
  CHECK(parse_bytes("9223372036854775808").error().message.find("too large") != std::string::npos);
  CHECK(parse_bytes("1e400").error().message.find("too large") != std::string::npos);
  CHECK(parse_bytes("1e99999999999999999999").error().message.find("too large") != std::string::npos);
  CHECK(parse_milli_cpu("4294967.296").error().message.find("too large") != std::string::npos);
  CHECK(milli("4294967.295") == std::numeric_limits<std::uint32_t>::max());
}

TEST_CASE("an error shows hostile text shortened and harmless") {
  const auto refused = parse_bytes(std::string(1'000'000, '\x1b'));
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.size() < 200);
  CHECK(refused.error().message.find('\x1b') == std::string::npos);
  CHECK(parse_bytes(std::string(1'000'000, '9')).error().message.size() < 200);
}

TEST_CASE("quantities print canonically") {
  CHECK(to_string(MilliCpu{2000}) == "2");
  CHECK(to_string(MilliCpu{250}) == "250m");
  CHECK(to_string(MilliCpu{0}) == "0");
  CHECK(to_string(Bytes{0}) == "0");
  CHECK(to_string(Bytes{1023}) == "1023");
  CHECK(to_string(Bytes{1024}) == "1Ki");
  CHECK(to_string(Bytes{1536 * mib}) == "1536Mi");
  CHECK(to_string(Bytes{gib}) == "1Gi");
  CHECK(to_string(Bytes{gib + 1}) == "1073741825");
  CHECK(to_string(Resources{MilliCpu{2000}, Bytes{gib}}) == "2 CPU, 1Gi");
  CHECK(to_string(Resources{MilliCpu{250}, Bytes{gib}}) == "0.25 CPU, 1Gi");
  CHECK(to_string(Resources{MilliCpu{1005}, Bytes{0}}) == "1.005 CPU, 0");
}

TEST_CASE("what is printed parses back") {
  CHECK(rc::check("CPUs", [](std::uint32_t value) {
    RC_ASSERT(parse_milli_cpu(to_string(MilliCpu{value})).value() == MilliCpu{value});
  }));
  CHECK(rc::check("sizes", [](std::uint64_t value, std::uint8_t shift) {
    const Bytes size{(value >> 1) >> (shift % 63) << (shift % 50) & std::numeric_limits<std::int64_t>::max()};
    RC_ASSERT(parse_bytes(to_string(size)).value() == size);
  }));
}

TEST_CASE("parsing agrees with plain arithmetic") {
  CHECK(rc::check("whole part, fraction and suffix", [](std::uint16_t whole, std::uint16_t thousandths) {
    const std::uint64_t fraction = thousandths % 1000;
    char digits[8];
    std::snprintf(digits, sizeof digits, "%03u", static_cast<unsigned>(fraction));
    const std::string number = std::to_string(whole) + "." + digits;
    RC_ASSERT(parse_milli_cpu(number)->value == whole * 1000U + fraction);
    const std::uint64_t thousand = std::uint64_t{whole} * 1000 + fraction;
    RC_ASSERT(parse_bytes(number + "Mi")->value == (thousand * mib + 999) / 1000);
    RC_ASSERT(parse_bytes(number + "k")->value == thousand);
    RC_ASSERT(parse_bytes(number + "e3")->value == thousand);
  }));
  CHECK(rc::check("any bytes at all never crash", [](const std::string& text) {
    (void)parse_bytes(text);
    (void)parse_milli_cpu(text);
  }));
}

TEST_CASE("sums stop at the end and differences at zero") {
  const MilliCpu most_cpu{std::numeric_limits<std::uint32_t>::max()};
  const Bytes most{std::numeric_limits<std::uint64_t>::max()};
  CHECK(most_cpu + MilliCpu{1} == most_cpu);
  CHECK(MilliCpu{1} - most_cpu == MilliCpu{0});
  CHECK(most + Bytes{1} == most);
  CHECK(Bytes{1} - Bytes{2} == Bytes{0});
  CHECK(Resources{MilliCpu{250}, Bytes{gib}} * 4 == Resources{MilliCpu{1000}, Bytes{4 * gib}});
  CHECK(Resources{most_cpu, most} * 3 == Resources{most_cpu, most});
  CHECK(Resources{MilliCpu{1}, Bytes{2}} - Resources{MilliCpu{2}, Bytes{1}} == Resources{MilliCpu{0}, Bytes{1}});
}

TEST_CASE("whole CPUs are rounded up") {
  CHECK(MilliCpu{0}.whole_cpus() == 0);
  CHECK(MilliCpu{1}.whole_cpus() == 1);
  CHECK(MilliCpu{1000}.whole_cpus() == 1);
  CHECK(MilliCpu{1001}.whole_cpus() == 2);
  CHECK(MilliCpu{std::numeric_limits<std::uint32_t>::max()}.whole_cpus() == 4'294'968);
}
