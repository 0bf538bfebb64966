#include "core/decide/clock.hpp"

#include <rapidcheck.h>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;
using namespace std::chrono_literals;

namespace {

ClockCorrection corrected(Duration behind, Duration error = 1ms) { return correct_clock({behind, error}); }

// What a slew makes of the clock: it runs at 1 + rate for as long as `takes` is by itself.
Duration gained(const ClockCorrection& correction) {
  if (correction.means == ClockMeans::set) return correction.by;
  if (correction.means == ClockMeans::none) return {};
  const double rate = correction.rate / 10'000.0;
  return from_seconds(seconds(correction.takes) / (1 + rate) * rate);
}

}  // namespace

TEST_CASE("the answer that came back quickest counts") {
  const ClockSample samples[] = {{100s, 40ms, 97s}, {200s, 4ms, 195s}, {300s, 400ms, 300s}};
  const ClockOffset offset = best_offset(samples);
  CHECK(offset.behind == 5s + 2ms);
  CHECK(offset.error == 2ms);
}

TEST_CASE("an offset that may be none is left alone") {
  CHECK(corrected(0s).means == ClockMeans::none);
  CHECK(corrected(2ms).means == ClockMeans::none);
  CHECK(corrected(-2ms).means == ClockMeans::none);
  CHECK(corrected(30ms, 30ms).means == ClockMeans::none);
  CHECK(corrected(3ms).means == ClockMeans::slew);
}

TEST_CASE("a clock that is behind is set, and a little behind is slewed") {
  CHECK(corrected(100ms).means == ClockMeans::slew);
  CHECK(corrected(100ms).rate == 101);
  CHECK_FALSE(corrected(100ms).worth_telling);
  CHECK(corrected(101ms).means == ClockMeans::set);
  CHECK(corrected(101ms).by == 101ms);
  CHECK_FALSE(corrected(500ms).worth_telling);
  const ClockCorrection pause = corrected(5120ms);
  CHECK(pause.means == ClockMeans::set);
  CHECK(pause.why == "set forward by 5.12 s");
  CHECK(pause.worth_telling);
  CHECK_FALSE(pause.warning);
}

TEST_CASE("a clock that is ahead goes slower, and back only when it is far ahead") {
  const ClockCorrection slower = corrected(-5s);
  CHECK(slower.means == ClockMeans::slew);
  CHECK(slower.rate == -500);
  CHECK(slower.takes == 95s);  // by a clock that is slower itself
  CHECK(slower.worth_telling);
  const ClockCorrection back = corrected(-3600s);
  CHECK(back.means == ClockMeans::set);
  CHECK(back.why == "set back by 3600.00 s");
  CHECK(back.warning);
}

TEST_CASE("the laws of a correction") {
  tests::sequences(2000);
  CHECK(rc::check([] {
    const auto unit = *rc::gen::element(1LL, 1'000LL, 1'000'000LL, 1'000'000'000LL);
    const Duration behind(*rc::gen::inRange<long long>(-100'000, 100'000) * unit);
    const Duration error(*rc::gen::inRange<long long>(0, 1'000) * *rc::gen::element(1LL, 1'000'000LL));
    const ClockCorrection correction = correct_clock({behind, error});
    const Duration left = std::chrono::abs(behind - gained(correction));
    RC_ASSERT(left <= std::max({error, clock_tolerance, std::chrono::abs(behind) / 10'000}));
    if (correction.means == ClockMeans::set && correction.by < 0s) RC_ASSERT(-behind > most_slewed_back);
    if (correction.means == ClockMeans::slew) RC_ASSERT(correction.takes <= longest_slew && std::abs(correction.rate) <= 500);
    if (correction.means != ClockMeans::none) RC_ASSERT(correction.worth_telling == (std::chrono::abs(behind) > worth_telling));
  }));
  CHECK(correct_clock({Duration::min(), {}}).means == ClockMeans::set);
}
