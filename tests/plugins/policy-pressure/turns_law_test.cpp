// Law: with bounds that stand still, the wish of a resource changes its direction at most 2 * turns + 1 times in any hour,
// whatever the guest reports and whatever the host makes of the wishes.
#include <rapidcheck.h>

#include <deque>

#include "plugins/policy-pressure/pressure_policy.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::policy_pressure;

namespace {

// Counts changes of direction within the last hour.
class Directions {
 public:
  void wish(Instant now, double wish, double have) {
    const int direction = wish > have ? 1 : wish < have ? -1 : 0;
    if (direction == 0) return;
    if (last_ != 0 && direction != last_) at_.push_back(now);
    last_ = direction;
    while (!at_.empty() && now - at_.front() > std::chrono::hours(1)) at_.pop_front();
    most = std::max(most, at_.size());
  }
  std::size_t most = 0;

 private:
  int last_ = 0;
  std::deque<Instant> at_;
};

// A guest that is busy or idle for a while, with any figures, and a host that follows wishes or does not.
class Trace {
 public:
  explicit Trace(PressureOptions options) : policy_(options) {
    input_.vm = "vm";
    input_.using_now = input_.min = {MilliCpu{250}, Bytes{256 * mib}};
    input_.max = {MilliCpu{16000}, Bytes{16 * gib}};
    input_.compute_unit = default_compute_unit;
  }

  void step(std::uint32_t choice) {
    now_ += std::chrono::milliseconds(200 + choice % 9 * 2000);
    sample_.at = now_;
    if (choice / 9 % 4 == 0) busy_ = !busy_;
    sample_.cpu_used = busy_ ? choice / 36 % 17 : 0.01;
    sample_.runnable = busy_ ? choice / 7 % 20 : 0;
    sample_.online_cpus = input_.using_now.cpu.whole_cpus();
    sample_.memory_total = input_.using_now.memory;
    sample_.memory_available = Bytes{sample_.memory_total.value / 100 * (busy_ ? choice / 11 % 30 : 90)};
    sample_.memory.some = choice / 13 % 23 == 0 ? 0.4 : 0;
    input_.request.reset();
    if (choice / 17 % 19 == 0) input_.request = GuestRequest{now_, Bytes{(choice / 3 % 16) * gib}};
    input_.now = now_;
    input_.samples = std::span(&sample_, 1);
    const Status status = policy_.decide_into(input_, goal_);
    RC_ASSERT(status.ok());
    RC_ASSERT(fits_in(goal_.wish, input_.max) && fits_in(input_.min, goal_.wish));
    cpu.wish(now_, goal_.wish.cpu.cpus(), input_.using_now.cpu.cpus());
    memory.wish(now_, static_cast<double>(goal_.wish.memory.value), static_cast<double>(input_.using_now.memory.value));
    if (choice / 29 % 5 != 0) input_.using_now = goal_.wish;
  }

  Directions cpu, memory;

 private:
  PressurePolicy policy_;
  PolicyInput input_;
  GuestSample sample_;
  Goal goal_;
  bool busy_ = false;
  Instant now_{std::chrono::hours(1)};
};

}  // namespace

TEST_CASE("law: direction changes in any hour are bounded") {
  std::size_t most = 0;
  REQUIRE(rc::check("at most 2 * turns + 1", [&] {
    PressureOptions options;
    options.turns = *rc::gen::inRange<std::uint32_t>(1, 8);
    options.calm = std::chrono::seconds(*rc::gen::inRange(1, 120));
    Trace trace(options);
    std::uint32_t state = *rc::gen::arbitrary<std::uint32_t>();
    for (int i = 0; i < 1500; ++i) {
      state = state * 1664525 + 1013904223;  // Numerical Recipes' generator: a long trace from one drawn number
      trace.step(state >> 8);
    }
    most = std::max({most, trace.cpu.most, trace.memory.most});
    RC_ASSERT(trace.cpu.most <= 2 * options.turns + 1);
    RC_ASSERT(trace.memory.most <= 2 * options.turns + 1);
  }));
  CHECK(most > 4);  // the traces do turn
}
