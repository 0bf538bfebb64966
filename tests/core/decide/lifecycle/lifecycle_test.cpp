// What is told of a VM's life; how it is led is in ../scenarios.
#include "core/decide/lifecycle.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

VmStatus at_rest() {
  VmStatus status;
  status.phase = Phase::running;
  status.runner = "web-1";
  status.cpu = {MilliCpu{1000}, MilliCpu{1000}, true, ""};
  status.memory = {Bytes{gib}, Bytes{gib}, true, ""};
  return status;
}

VmStatus growing() {
  VmStatus status = at_rest();
  status.phase = Phase::scaling;
  status.why = "on its way";
  status.cpu.asked = MilliCpu{4000};
  status.cpu.settled = false;
  return status;
}

}  // namespace

TEST_CASE("a VM is on its way to a size when nothing else is new") {
  CHECK(decide::is_on_its_way(at_rest(), growing()));
  VmStatus also = growing();
  also.guest_connected = true;
  CHECK_FALSE(decide::is_on_its_way(at_rest(), also));
  CHECK_FALSE(decide::is_on_its_way(at_rest(), at_rest()));
  VmStatus there = at_rest();
  there.cpu.asked = there.cpu.actual = MilliCpu{4000};
  CHECK_FALSE(decide::is_on_its_way(growing(), there));
  VmStatus starting = at_rest();
  starting.phase = Phase::pending;
  CHECK_FALSE(decide::is_on_its_way(starting, growing()));
}

TEST_CASE("a size that was reached is told once, whether or not its way was written down") {
  VmStatus there = at_rest();
  there.cpu.asked = there.cpu.actual = MilliCpu{4000};
  for (const VmStatus& before : {at_rest(), growing()}) {
    const auto events = decide::events_between(before, there);
    REQUIRE(events.size() == 1);
    CHECK(events[0].reason == "Scaled");
    CHECK(events[0].message == "has 4 CPU, 1Gi");
  }
  CHECK(decide::events_between(at_rest(), growing()).empty());
}
