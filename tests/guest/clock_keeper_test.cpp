#include "guest/clock_keeper.hpp"

#include "core/runtime/manual_clock.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;

namespace {

struct Hands {
  Duration now = 1000s;
  int rate = 77;              // what a monitor before us may have left
  std::vector<int> rates;
  bool refuses = false;
  std::optional<decide::ClockOffset> hypervisor;
};

class HandClock : public WallClock {
 public:
  explicit HandClock(Hands& hands) : hands_(hands) {}
  [[nodiscard]] Duration now() const override { return hands_.now; }
  Status set_forward(Duration by) override {
    if (hands_.refuses) return Error{Code::permission_denied, "adjtimex: not permitted"};
    hands_.now += by;
    return {};
  }
  Status run_faster(int parts) override {
    hands_.rate = parts;
    hands_.rates.push_back(parts);
    return {};
  }
  [[nodiscard]] std::optional<decide::ClockOffset> against_hypervisor() const override { return hands_.hypervisor; }

 private:
  Hands& hands_;
};

struct Kept {
  runtime::ManualClock time;
  runtime::Loop loop{time};
  Hands hands;
  ClockKeeper keeper{loop, std::make_unique<HandClock>(hands)};
};

}  // namespace

TEST_CASE("a clock that is far behind is set") {
  Kept kept;
  CHECK(kept.hands.rate == 0);
  const auto done = kept.keeper.correct({5s, 1ms});
  REQUIRE(done);
  CHECK(done->worth_telling);
  CHECK(kept.keeper.now() == 1005s);
  CHECK(kept.hands.rates == std::vector<int>{0});
}

TEST_CASE("a clock that is ahead runs slower for a while") {
  Kept kept;
  REQUIRE(kept.keeper.correct({-1s, 1ms}));
  CHECK(kept.hands.rate == -500);
  CHECK(kept.keeper.now() == 1000s);
  kept.time.advance(18900ms);
  CHECK(kept.hands.rate == -500);
  kept.time.advance(200ms);
  CHECK(kept.hands.rate == 0);

  SECTION("or until it is told better") {
    REQUIRE(kept.keeper.correct({-1s, 1ms}));
    REQUIRE(kept.keeper.correct({50ms, 1ms}));
    CHECK(kept.hands.rate == 51);
    REQUIRE(kept.keeper.correct({1ms, 1ms}));
    CHECK(kept.hands.rate == 0);
  }
}

TEST_CASE("the hypervisor's own clock is believed before the link") {
  Kept kept;
  kept.hands.hypervisor = decide::ClockOffset{2s, 1us};
  REQUIRE(kept.keeper.correct({500s, 1ms}));
  CHECK(kept.keeper.now() == 1002s);
}

TEST_CASE("a kernel that refuses is told") {
  Kept kept;
  kept.hands.refuses = true;
  const auto done = kept.keeper.correct({5s, 1ms});
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("not permitted") != std::string::npos);
  CHECK(kept.keeper.now() == 1000s);
}

TEST_CASE("a slew does not outlive its keeper") {
  runtime::ManualClock time;
  runtime::Loop loop(time);
  Hands hands;
  {
    ClockKeeper keeper(loop, std::make_unique<HandClock>(hands));
    REQUIRE(keeper.correct({-1s, 1ms}));
    CHECK(hands.rate == -500);
  }
  CHECK(hands.rate == 0);
}
