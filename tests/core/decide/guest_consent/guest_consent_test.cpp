#include "core/decide/guest_consent.hpp"

#include <rapidcheck.h>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

Instant at(double s) { return Instant{from_seconds(s)}; }
Resources memory(Bytes b) { return {MilliCpu{1000}, b}; }
Bytes operator""_mib(unsigned long long n) { return Bytes{n * mib}; }

GuestSample sample(double when, Bytes total, Bytes available) {
  GuestSample s;
  s.at = at(when);
  s.memory_total = total;
  s.memory_available = available;
  return s;
}

// The rule by itself: idle guest of 2 GiB with so much in use.
GuestConsent idle(Bytes used) {
  GuestConsent g;
  for (int i = 0; i < 5; ++i) g.sampled(sample(i * 0.25, 2000_mib, Bytes{2000 * mib - used.value}));
  return g;
}

}  // namespace

TEST_CASE("upstream's table of sizes") {
  struct Row {
    std::uint64_t size, usable, cache;
    double threshold, most;
  };
  const Row rows[] = {{256, 156, 0, 132.6, 32.6},          {512, 412, 141, 350.2, 250.2},
                      {1024, 924, 607, 785.4, 685.4},      {2048, 1948, 1461, 1655.8, 1555.8},
                      {4096, 3996, 2997, 3396.6, 3296.6},  {8192, 8092, 6069, 6878.2, 6778.2},
                      {16384, 16284, 12213, 13841.4, 13741.4}, {65536, 65436, 49077, 55620.6, 55520.6}};
  for (const Row& row : rows) {
    const Bytes usable = usable_memory(Bytes{row.size * mib});
    CHECK(usable.value == row.usable * mib);
    CHECK(file_cache_size(usable).value == row.cache * mib);
    CHECK(static_cast<double>(usage_threshold(usable).value) / mib == Approx(row.threshold).margin(0.001));
    // The largest mean usage for which the cgroup rule lets a VM shrink to this size.
    for (const int step : {-1, 1}) {
      GuestConsent g;
      g.sampled(sample(1, Bytes{row.size * mib * 2}, Bytes{row.size * mib * 2}));
      const auto usage = static_cast<std::uint64_t>(row.most * mib) + static_cast<std::uint64_t>(step * 64);
      for (int i = 0; i < 2; ++i) g.cgroup_sampled(Bytes{usage}, at(1));
      CHECK(g.consent(memory(Bytes{row.size * mib}), at(1)).ok == (step < 0));
    }
  }
}

TEST_CASE("a guest agrees to what its memory in use allows, and names the floor otherwise") {
  const GuestConsent g = idle(400_mib);
  CHECK(g.consent(memory(1024_mib), at(1)).ok);
  const auto no = g.consent(memory(400_mib), at(1));
  CHECK_FALSE(no.ok);
  REQUIRE(no.floor);
  CHECK(no.floor->value > 448 * mib);
  CHECK(no.floor->value < 560 * mib);
  CHECK(g.consent(memory(*no.floor), at(1)).ok);
  CHECK(no.why.find("400 MiB in use") != std::string::npos);
}

TEST_CASE("without fresh samples there is no consent and no wish") {
  CHECK_FALSE(GuestConsent{}.consent(memory(1024_mib), at(0)).ok);
  const GuestConsent g = idle(1990_mib);
  CHECK_FALSE(g.consent(memory(1024_mib), at(10)).ok);
  CHECK_FALSE(g.consent(memory(1024_mib), at(10)).floor);
  CHECK_FALSE(g.wish(at(10)));
}

TEST_CASE("the cgroup rule needs two fresh samples") {
  GuestConsent g = idle(100_mib);
  g.cgroup_sampled(100_mib, at(1));
  CHECK_FALSE(g.consent(memory(1024_mib), at(1)).ok);
  g.cgroup_sampled(100_mib, at(1.1));
  CHECK(g.consent(memory(1024_mib), at(1.1)).ok);
  g.sampled(sample(7, 2000_mib, 1900_mib));
  CHECK_FALSE(g.consent(memory(1024_mib), at(7)).ok);
}

TEST_CASE("a cache that is read again all the time, stalls and swapped pages are memory in use") {
  GuestConsent hot;
  GuestSample s = sample(1, 2000_mib, 1600_mib);
  s.refaults = 50'000;
  hot.sampled(s);
  CHECK_FALSE(hot.consent(memory(1024_mib), at(1)).ok);
  CHECK(hot.consent(memory(*hot.size()), at(1)).ok);

  GuestConsent stalled;
  s = sample(1, 2000_mib, 1600_mib);
  s.memory.some = 0.4;
  stalled.sampled(s);
  CHECK_FALSE(stalled.consent(memory(1024_mib), at(1)).ok);

  GuestConsent swapped;
  s = sample(1, 2000_mib, 1600_mib);
  s.swap_total = 2048_mib;
  s.swap_free = 1048_mib;
  swapped.sampled(s);
  CHECK_FALSE(swapped.consent(memory(1024_mib), at(1)).ok);
}

TEST_CASE("a working set that a hook named stays") {
  GuestConsent g = idle(200_mib);
  CHECK(g.consent(memory(768_mib), at(1)).ok);
  g.working_set_reported(900_mib);
  CHECK_FALSE(g.consent(memory(768_mib), at(1)).ok);
  g.working_set_reported({});
  CHECK(g.consent(memory(768_mib), at(1)).ok);
}

TEST_CASE("what is growing is not shrunk to where it is now") {
  GuestConsent g;
  for (int i = 0; i <= 10; ++i) g.sampled(sample(i * 0.1, 2000_mib, Bytes{(1900 - static_cast<std::uint64_t>(i) * 20) * mib}));
  CHECK(g.growth() == Approx(200.0 * mib).epsilon(0.01));
  CHECK_FALSE(g.consent(memory(512_mib), at(1)).ok);
  CHECK(g.consent(memory(1024_mib), at(1)).ok);
}

TEST_CASE("the size we were told counts while MemTotal agrees with it") {
  GuestConsent g;
  g.sampled(sample(0, 484_mib, 452_mib));
  g.size_told(512_mib, at(0));
  CHECK(g.size() == 512_mib);
  CHECK(g.consent(memory(512_mib), at(0)).ok);
  g.sampled(sample(1, 1508_mib, 1400_mib));
  CHECK(g.size()->value > 1500 * mib);
}

TEST_CASE("a kernel that keeps much for itself is no reason to give away what is in use") {
  // 1 GiB, of which the kernel keeps 108 MiB; 600 MiB more are used than will be told.
  GuestConsent consent;
  GuestSample s;
  s.at = at(1);
  s.memory_total = Bytes{916 * mib};
  s.memory_available = Bytes{16 * mib};
  consent.size_told(Bytes{1024 * mib}, s.at);
  consent.sampled(s);
  consent.kernel_keeps(Bytes{108 * mib});
  CHECK(consent.size() == Bytes{1024 * mib});
  const auto answer = consent.consent({MilliCpu{1000}, Bytes{1016 * mib}}, s.at);
  CHECK_FALSE(answer.ok);
  CHECK(answer.floor == Bytes{1024 * mib});
  CHECK(consent.wish(s.at)->memory > Bytes{1024 * mib});
}

TEST_CASE("a wish is not repeated within a second unless it has grown") {
  GuestConsent g;
  for (int i = 0; i <= 10; ++i) g.sampled(sample(i * 0.1, 484_mib, Bytes{(420 - static_cast<std::uint64_t>(i) * 26) * mib}));
  const auto first = g.wish(at(1));
  REQUIRE(first);
  CHECK(first->memory > *g.size());
  g.wished(*first, at(1));
  CHECK_FALSE(g.wish(at(1.2)));
  CHECK(g.wish(at(2.1)));
}

TEST_CASE("nothing is wanted while what was promised is on its way") {
  GuestConsent g;
  for (int i = 0; i <= 10; ++i) g.sampled(sample(i * 0.1, 484_mib, Bytes{(420 - static_cast<std::uint64_t>(i) * 26) * mib}));
  g.size_told(4096_mib, at(1));
  CHECK_FALSE(g.wish(at(1)));
}

TEST_CASE("a shrink under way is called off when what stays is too little") {
  GuestConsent g;
  g.sampled(sample(0, 2000_mib, 1700_mib));
  g.size_told(512_mib, at(0));
  CHECK_FALSE(g.wish(at(0)));
  g.sampled(sample(0.5, 1800_mib, 1000_mib));
  REQUIRE(g.wish(at(0.5)));
  CHECK(g.wish(at(0.5))->memory.value > 800 * mib);
}

TEST_CASE("a guest that takes 256 MiB a second from 512 MiB to 2 GiB is served in time") {
  // The host takes `delay` from the wish to the memory; the guest is looked at ten times a second.
  for (const double delay : {0.1, 0.5, 1.0}) {
    GuestConsent g;
    double total = 484, used = 40;
    double arrives = -1, arriving = 0;
    for (double t = 0; used < 1700; t += 0.1) {
      used += 25.6;
      if (arrives >= 0 && t >= arrives) total = std::max(total, arriving - 40), arrives = -1;
      INFO("delay " << delay << " at " << t << " used " << used << " of " << total);
      REQUIRE(used < total);
      const auto mibs = [](double m) { return Bytes{static_cast<std::uint64_t>(m) * mib}; };
      g.sampled(sample(t, mibs(total), mibs(total - used)));
      if (const auto wish = g.wish(at(t))) {
        g.wished(*wish, at(t));
        // A host that is still busy with a wish takes the larger of the two.
        arriving = std::max(arriving, std::min(2048.0, static_cast<double>(wish->memory.value) / mib));
        if (arrives < 0) arrives = t + delay;
      }
    }
  }
}

TEST_CASE("laws of a guest's consent") {
  neonvm::tests::sequences(10000);
  const bool held = rc::check("laws of decide/guest_consent", [] {
    GuestConsent g;
    double when = 0;
    const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 1u << 24));
    for (const std::uint32_t step : steps) {
      when += (step % 10) * 0.05;
      const Bytes total{(256 + step / 10 % 4096) * mib};
      const Bytes free{total.value / 64 * (step / 40960 % 64)};
      if (step % 7 == 6) g.size_told(total, at(when));
      else if (step % 7 == 5) g.cgroup_sampled(free, at(when));
      else g.sampled(sample(when, total, free));
    }
    const Instant now = at(when + (steps.empty() ? 0 : steps.back() % 3));
    const Bytes target{*rc::gen::inRange<std::uint64_t>(0, 8 * gib)};
    const auto answer = g.consent(memory(target), now);
    RC_ASSERT(!answer.why.empty());
    if (answer.ok) RC_ASSERT(g.consent(memory(Bytes{target.value + mib}), now).ok);
    if (answer.floor) RC_ASSERT(*answer.floor > target && g.consent(memory(*answer.floor), now).ok);
    const auto wish = g.wish(now);
    if (!wish) return;
    g.wished(*wish, now);
    RC_ASSERT(!g.wish(now));
    RC_ASSERT(!g.floor(now) || g.size());
  });
  REQUIRE(held);
}

TEST_CASE("samples that cannot be true are put right or passed over, counted, and give nothing away") {
  const Bytes huge{~std::uint64_t{0}};
  GuestConsent g = idle(500_mib);
  g.sampled(sample(0.5, 2000_mib, 1900_mib));
  CHECK(g.corrections().clock == 1);
  CHECK_FALSE(g.consent(memory(400_mib), at(1)).ok);
  g.working_set_reported(huge);
  CHECK_FALSE(g.consent(memory(1900_mib), at(1)).ok);
  g.working_set_reported({});
  g.cgroup_sampled(huge, at(1));
  g.cgroup_sampled(huge, at(1));
  g.cgroup_sampled(huge, at(0.1));
  CHECK_FALSE(g.consent(memory(1900_mib), at(1)).ok);
  CHECK(g.corrections().clock == 2);
  CHECK(g.corrections().size == 3);
  GuestConsent mad;
  mad.sampled(sample(0, huge, {}));
  mad.sampled(sample(1, 1_mib, huge));
  mad.sampled(sample(2, huge, {}));
  CHECK_FALSE(mad.consent(memory(1900_mib), at(2)).ok);
  CHECK_FALSE(mad.wish(at(20)).has_value());
  ConsentSettings settings;
  settings.threshold = 0;
  CHECK(GuestConsent(settings).corrections().size == 1);
}
