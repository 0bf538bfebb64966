#include "core/decide/swap_plan.hpp"

#include <rapidcheck.h>

#include <algorithm>

#include "core/model/guest_plan.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using decide::SwapArea;
using decide::SwapStep;

namespace {

Bytes in_mib(std::uint64_t count) { return Bytes{count * mib}; }

std::vector<SwapArea> areas(std::initializer_list<std::uint64_t> sizes) {
  std::vector<SwapArea> all;
  for (const std::uint64_t size : sizes) all.push_back({in_mib(size), {}});
  all.resize(swap_areas);
  return all;
}

void take(std::vector<SwapArea>& all, const SwapStep& step) {
  if (step.on) {
    RC_ASSERT(all[step.area].size.value == 0U);
    RC_ASSERT(step.size <= swap_area_room);
    RC_ASSERT(step.size.value > 0U);
    all[step.area] = {step.size, {}};
    return;
  }
  RC_ASSERT(all[step.area].size.value > 0U);
  const Bytes moved = all[step.area].used;
  all[step.area] = {};
  for (SwapArea& other : all) {  // what it held may go to the next one
    if (other.size.value > 0 && other.used + moved <= other.size) {
      other.used = other.used + moved;
      break;
    }
  }
}

std::vector<SwapArea> some_areas() {
  std::vector<SwapArea> all(swap_areas);
  for (SwapArea& area : all) {
    if (!*rc::gen::arbitrary<bool>()) continue;
    area.size = in_mib(*rc::gen::inRange<std::uint64_t>(1, 65536));
    area.used = in_mib(*rc::gen::inRange<std::uint64_t>(0, area.size.value / mib + 1));
  }
  return all;
}

}  // namespace

TEST_CASE("swap grows by one area more and shrinks by another in its place") {
  CHECK(decide::next_swap_step(areas({}), in_mib(64)) == SwapStep{true, 0, in_mib(64)});
  CHECK(decide::next_swap_step(areas({64}), in_mib(64)) == std::nullopt);
  CHECK(decide::next_swap_step(areas({64}), in_mib(100)) == SwapStep{true, 1, in_mib(36)});
  // First the smaller one, then the larger one goes: what is in use has somewhere to be.
  CHECK(decide::next_swap_step(areas({64}), in_mib(16)) == SwapStep{true, 1, in_mib(16)});
  CHECK(decide::next_swap_step(areas({64, 16}), in_mib(16)) == SwapStep{false, 0, {}});
  CHECK(decide::next_swap_step(areas({64}), {}) == SwapStep{false, 0, {}});
  // The last free area takes over from one that is there.
  CHECK(decide::next_swap_step(areas({8, 8, 4}), in_mib(30)) == SwapStep{true, 3, in_mib(18)});
}

TEST_CASE("swap: from any state to any wish, and never below both") {
  tests::sequences(3000);
  CHECK(rc::check([] {
    auto all = some_areas();
    const Bytes wish = in_mib(*rc::gen::inRange<std::uint64_t>(0, most_swap.value / mib + 1));
    const Bytes least = std::min(decide::swap_total(all), wish);
    const bool had_free = std::any_of(all.begin(), all.end(), [](const SwapArea& area) { return area.size.value == 0; });
    int steps = 0;
    while (const auto step = decide::next_swap_step(all, wish)) {
      RC_ASSERT(++steps <= 10);
      take(all, *step);
      if (had_free) RC_ASSERT(decide::swap_total(all) >= least);
    }
    RC_ASSERT(decide::swap_total(all) == wish);
    const auto free = std::count_if(all.begin(), all.end(), [](const SwapArea& area) { return area.size.value == 0; });
    if (had_free) RC_ASSERT(free >= 1);
  }));
}

TEST_CASE("a refusal of less swap says how much memory is missing") {
  auto all = areas({512});
  all[0].used = in_mib(300);
  CHECK(decide::swap_refusal(all, in_mib(256), in_mib(200), in_mib(1024)).empty());
  // 5 % of 1 Gi stay with the system: 100 - 51 = 48 (rounded down) of room for 300 - 128.
  const std::string why = decide::swap_refusal(all, in_mib(128), in_mib(100), in_mib(1024));
  CHECK(why == "300Mi of swap is in use, and of memory only 48Mi is free for it: 124Mi is missing; give it that much more "
               "memory, or keep that much more swap");
  CHECK(decide::swap_refusal(all, in_mib(512), {}, in_mib(1024)).empty());
}
