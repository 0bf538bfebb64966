#include "core/decide/usage_book.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;
using namespace std::chrono_literals;

namespace {

const Instant start = Instant{} + 100h;
const UsageKey web{"u1", "ep-1"};

struct Total {
  std::uint64_t cpu = 0, memory = 0, active = 0;
  friend bool operator==(const Total&, const Total&) = default;
};

void add(std::map<UsageKey, Total>& totals, const std::vector<Charge>& charges) {
  for (const Charge& c : charges) {
    Total& total = totals[c.key];
    total.cpu += c.cpu_seconds;
    total.memory += c.memory_mib_seconds;
    total.active += c.active_seconds;
  }
}

// Something that happens so many microseconds after what was before it.
struct Step {
  std::int64_t after = 0;
  int vm = 0;
  std::optional<Resources> size;
};

std::vector<Step> any_story() {
  return *rc::gen::container<std::vector<Step>>(rc::gen::exec([] {
    Step step;
    step.after = *rc::gen::inRange<std::int64_t>(0, 20'000'000);
    step.vm = *rc::gen::inRange(0, 3);
    if (*rc::gen::inRange(0, 4) != 0)
      step.size = Resources{{*rc::gen::inRange<std::uint32_t>(0, 64'000)}, {*rc::gen::inRange<std::uint64_t>(0, 4096) * mib}};
    return step;
  }));
}

UsageKey key_of(int vm) { return {"u" + std::to_string(vm), "ep"}; }


std::uint64_t nearest(__int128 amount, __int128 unit) { return static_cast<std::uint64_t>((amount + unit / 2) / unit); }

std::map<UsageKey, Total> played(const std::vector<Step>& story, const std::function<void(UsageBook&, Instant, Instant, std::map<UsageKey, Total>&)>& between) {
  UsageBook book;
  std::map<UsageKey, Total> totals;
  Instant now = start;
  for (const Step& step : story) {
    const Instant then = now + std::chrono::microseconds(step.after);
    between(book, now, then, totals);
    now = then;
    book.set(key_of(step.vm), step.size, now);
  }
  for (int vm = 0; vm < 3; ++vm) book.set(key_of(vm), std::nullopt, now);
  add(totals, book.charge(now));
  return totals;
}

void nothing(UsageBook&, Instant, Instant, std::map<UsageKey, Total>&) {}

}  // namespace

TEST_CASE("a quarter of a CPU for 24 seconds is six CPU seconds") {
  UsageBook book;
  book.set(web, Resources{{250}, {1 * gib}}, start);
  CHECK(book.charge(start + 24s) == std::vector<Charge>{{web, 6, 24 * 1024, 24}});
}

TEST_CASE("what is below a whole unit is carried over") {
  UsageBook book;
  book.set(web, Resources{{300}, {0}}, start);
  CHECK(book.charge(start + 1s) == std::vector<Charge>{{web, 0, 0, 1}});
  CHECK(book.charge(start + 2s) == std::vector<Charge>{{web, 0, 0, 1}});
  CHECK(book.charge(start + 4s) == std::vector<Charge>{{web, 1, 0, 2}});
  // 0.3 CPU for 6 s are 1.8: one was told, and the end is the nearest of what is left.
  book.set(web, std::nullopt, start + 6s);
  CHECK(book.charge(start + 99s) == std::vector<Charge>{{web, 1, 0, 2}});
  CHECK(book.charge(start + 100s).empty());
}

TEST_CASE("a change between two charges counts from when it was") {
  UsageBook book;
  book.set(web, Resources{{1000}, {0}}, start);
  book.set(web, Resources{{4000}, {0}}, start + 10s);
  CHECK(book.charge(start + 12s) == std::vector<Charge>{{web, 18, 0, 12}});
}

TEST_CASE("time that goes back is no time") {
  UsageBook book;
  book.set(web, Resources{{1000}, {0}}, start + 10s);
  book.set(web, Resources{{9000}, {0}}, start);
  CHECK(book.charge(start + 5s) == std::vector<Charge>{{web, 0, 0, 0}});
  CHECK(book.charge(start + 11s) == std::vector<Charge>{{web, 9, 0, 1}});
}

TEST_CASE("what nobody saw counts as the smaller of before and after") {
  UsageBook book;
  const UsageKey gone{"u2", "ep-2"}, fresh{"u3", "ep-3"};
  book.set(web, Resources{{4000}, {0}}, start);
  book.set(gone, Resources{{1000}, {0}}, start);
  book.advance(start + 1s);
  UsageBook next(book.accounts());
  next.resume({{web, Resources{{1000}, {0}}}, {fresh, Resources{{2000}, {0}}}}, start + 11s);
  // 4 s·CPU before, 10 s of the smaller afterwards; of the one that is gone only what was known.
  CHECK(next.charge(start + 11s) == std::vector<Charge>{{web, 14, 0, 11}, {gone, 1, 0, 1}, {fresh, 0, 0, 0}});
}

TEST_CASE("law: charges of a life add up to its integral, rounded to the nearest, however often they are made") {
  CHECK(rc::check([] {
    const auto story = any_story();
    const auto once = played(story, nothing);
    const auto often = played(story, [](UsageBook& book, Instant from, Instant to, std::map<UsageKey, Total>& totals) {
      const auto cuts = *rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, std::max<std::int64_t>((to - from) / 1us, 1)));
      std::vector<std::int64_t> sorted = cuts;
      std::sort(sorted.begin(), sorted.end());
      for (const std::int64_t cut : sorted) {
        const Instant at = from + std::chrono::microseconds(cut);
        const auto sizes = book.accounts();
        for (const auto& [key, account] : sizes)
          if (account.size) book.set(key, account.size, at);
        // An account that ended is rounded when it is charged, so that only the living are charged in between.
        const bool all_live = std::all_of(sizes.begin(), sizes.end(), [](const auto& one) { return one.second.size.has_value(); });
        if (all_live) add(totals, book.charge(at));
      }
    });
    for (const auto& [key, total] : once) {
      if (total == Total{}) continue;
      RC_ASSERT(often.count(key) == 1);
      RC_ASSERT(often.at(key) == total);
    }
  }));
}

TEST_CASE("law: they are the integral") {
  CHECK(rc::check([] {
    const auto story = any_story();
    std::map<UsageKey, std::tuple<__int128, __int128, __int128>> exact;
    std::map<UsageKey, Resources> sizes;
    for (const Step& step : story) {
      for (const auto& [key, size] : sizes) {
        auto& [cpu, memory, active] = exact[key];
        cpu += static_cast<__int128>(size.cpu.value) * step.after;
        memory += static_cast<__int128>(size.memory.value / mib) * step.after;
        active += step.after;
      }
      if (step.size) sizes[key_of(step.vm)] = *step.size;
      else sizes.erase(key_of(step.vm));
    }
    const auto totals = played(story, nothing);
    for (const auto& [key, amounts] : exact) {
      const auto& [cpu, memory, active] = amounts;
      const Total& told = totals.at(key);
      RC_ASSERT(told.cpu == nearest(cpu, 1'000'000'000));
      RC_ASSERT(told.memory == nearest(memory, 1'000'000));
      RC_ASSERT(told.active == nearest(active, 1'000'000));
    }
  }));
}

TEST_CASE("law: never more than the integral before the end, and a book that is read again goes on as it was") {
  CHECK(rc::check([] {
    UsageBook book;
    Instant now = start;
    std::map<UsageKey, std::uint64_t> told;
    std::map<UsageKey, __int128> exact;
    std::map<UsageKey, Resources> sizes;
    for (const Step& step : any_story()) {
      for (const auto& [key, size] : sizes) exact[key] += static_cast<__int128>(size.cpu.value) * step.after;
      now += std::chrono::microseconds(step.after);
      if (step.size) sizes[key_of(step.vm)] = *step.size;
      book.set(key_of(step.vm), step.size ? step.size : sizes.count(key_of(step.vm)) ? std::optional(sizes[key_of(step.vm)]) : std::nullopt, now);
      book = UsageBook(book.accounts());
      for (const Charge& charge : book.charge(now)) told[charge.key] += charge.cpu_seconds;
      for (const auto& [key, amount] : told) RC_ASSERT(static_cast<__int128>(amount) * 1'000'000'000 <= exact[key]);
    }
  }));
}
