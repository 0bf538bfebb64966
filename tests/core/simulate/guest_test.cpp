#include <catch2/catch.hpp>

#include "core/simulate/guest.hpp"

using namespace neonvm;
using namespace neonvm::simulate;

namespace {

constexpr double m = static_cast<double>(mib);
const GuestRates rates;

GuestSample sample_of(const Guest& guest) {
  GuestSample sample;
  guest.sample_into(sample);
  return sample;
}

}  // namespace

TEST_CASE("four busy loops on one CPU: the load average climbs as the kernel's does") {
  Guest guest(rates, Bytes{512 * mib}, 4);
  double throttled = 0;
  for (int i = 0; i < 5; ++i) throttled += guest.advance({4, 0, 0, 0}, {4, 512 * m}, 5).throttled;
  // N * (1 - e^(-t/60)) after 25 s, within the rounding of 1/2048.
  CHECK(sample_of(guest).load1 == Approx(4 * (1 - std::exp(-25.0 / 60))).epsilon(0.01));
  CHECK(throttled == 0);
  CHECK(sample_of(guest).runnable == 4);
}

TEST_CASE("work without a CPU waits, is counted, and is given up in the end") {
  Guest guest(rates, Bytes{512 * mib}, 4);
  const auto done = guest.advance({2, 0, 0, 0}, {1, 512 * m}, 5);
  CHECK(done.used == Approx(5));
  CHECK(done.throttled == Approx(5));
  CHECK(sample_of(guest).cpu.some == 1);
  const auto later = guest.advance({0, 0, 0, 0}, {1, 512 * m}, 10);
  CHECK(later.used == Approx(5));
  for (int i = 0; i < 100; ++i) guest.advance({2, 0, 0, 0}, {1, 512 * m}, 5);
  double left = 0;
  for (int i = 0; i < 100; ++i) left += guest.advance({0, 0, 0, 0}, {1, 512 * m}, 5).used;
  CHECK(left == Approx(60));
}

TEST_CASE("an idle guest of 512 MiB has what was measured") {
  Guest guest(rates, Bytes{512 * mib}, 1);
  guest.advance({0, 0, 0, 0}, {1, 512 * m}, 5);
  const auto sample = sample_of(guest);
  CHECK(static_cast<double>(sample.memory_total.value) / m == Approx(484).margin(1));
  CHECK(static_cast<double>(sample.memory_available.value) / m == Approx(452).margin(8));
}

TEST_CASE("more anonymous memory than there is ends in an OOM kill, and the workload comes back") {
  Guest guest(rates, Bytes{512 * mib}, 1);
  std::uint32_t kills = 0;
  for (int i = 0; i < 4; ++i) kills += guest.advance({1, 600 * m, 0, 0}, {1, 512 * m}, 1).oom_kills;
  CHECK(kills == 1);
  CHECK(sample_of(guest).oom_kills == 1);
  CHECK(guest.anonymous() == 0);
  for (int i = 0; i < 30; ++i) guest.advance({1, 100 * m, 0, 0}, {1, 512 * m}, 1);
  CHECK(guest.anonymous() == 100 * m);
}

TEST_CASE("kernel memory cannot use what was plugged: too much plugged over too small a base kills") {
  Guest guest(rates, Bytes{512 * mib}, 1);
  std::uint32_t kills = 0;
  for (int i = 0; i < 3; ++i) kills += guest.advance({0, 0, 0, 0}, {1, 64 * 1024 * m}, 1).oom_kills;
  CHECK(kills > 0);
}

TEST_CASE("a squeezed working set is read again, and tasks wait for it") {
  Guest guest(rates, Bytes{512 * mib}, 1);
  for (int i = 0; i < 200; ++i) guest.advance({0.5, 50 * m, 600 * m, 0}, {1, 1024 * m}, 1);
  CHECK(guest.file() == Approx(600 * m));
  CHECK(sample_of(guest).refaults == 0);
  for (int i = 0; i < 20; ++i) guest.advance({0.5, 50 * m, 600 * m, 0}, {1, 512 * m}, 1);
  CHECK(guest.file() < 400 * m);
  CHECK(sample_of(guest).refaults > 500);
  CHECK(sample_of(guest).memory.some > 0.05);
}

TEST_CASE("a scan fills the memory and leaves the working set alone") {
  Guest guest(rates, Bytes{512 * mib}, 1);
  for (int i = 0; i < 200; ++i) guest.advance({0.5, 50 * m, 100 * m, 0}, {1, 1024 * m}, 1);
  for (int i = 0; i < 60; ++i) guest.advance({0.5, 50 * m, 100 * m, 100 * m}, {1, 1024 * m}, 1);
  CHECK(guest.file() > 700 * m);
  CHECK(sample_of(guest).refaults == 0);
}

TEST_CASE("the average of a pressure that is long over is nothing at all") {
  Guest guest(rates, Bytes{512 * mib}, 4);
  const GuestSize size{1, 512 * m};
  for (int i = 0; i < 12; ++i) guest.advance({4, 0, 0, 0}, size, 5);
  CHECK(sample_of(guest).cpu.some_avg10 > 50);
  for (int i = 0; i < 40; ++i) guest.advance({}, size, 5);   // what was left over is worked off meanwhile
  CHECK(sample_of(guest).cpu.some_avg10 < 1);
  CHECK(sample_of(guest).cpu.some_avg10 > 0);
  // Not a number too small for a processor to be quick with, for ever after.
  for (int i = 0; i < 2 * 720; ++i) guest.advance({}, size, 5);
  CHECK(sample_of(guest).cpu.some_avg10 == 0);
}
