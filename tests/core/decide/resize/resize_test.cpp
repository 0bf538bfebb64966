#include "core/decide/resize.hpp"

#include <rapidcheck.h>

#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

const Instant t0{};

MachineShape shape_with(CpuScalingMode mode, bool slots_can_empty = true) {
  MachineShape shape;
  shape.cpu_mode = mode;
  shape.max_cpus = 8;
  shape.boot_cpus = mode == CpuScalingMode::sysfs ? 8 : 1;
  shape.slots_can_empty = slots_can_empty;
  shape.base_memory = Bytes{512 * mib};
  shape.pluggable_memory = Bytes{1536 * mib};
  return shape;
}

ResizeFacts facts_at(const MachineShape& shape, std::uint32_t online, Bytes plugged) {
  ResizeFacts facts;
  facts.phase = MachinePhase::running;
  facts.guest_connected = true;
  facts.slots_filled = shape.cpu_mode == CpuScalingMode::sysfs ? shape.max_cpus : online;
  facts.cpus_online = online;
  facts.plugged = facts.plugged_wish = plugged;
  facts.asked = {MilliCpu{online * 1000}, total_for(shape, plugged)};
  return facts;
}

std::string orders_of(const ResizePlan& plan) {
  std::string text;
  for (const ResizeOrder& order : plan.orders) {
    text += text.empty() ? "" : ", ";
    text += to_string(order.deed);
    text += " " + (order.deed == ResizeDeed::want_memory ? to_string(order.memory) : std::to_string(order.cpus));
  }
  return text;
}

}  // namespace

TEST_CASE("whole CPUs are ordered, and memory in blocks above the base") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  CHECK(cpus_for(shape, MilliCpu{250}) == 1);
  CHECK(cpus_for(shape, MilliCpu{0}) == 1);
  CHECK(cpus_for(shape, MilliCpu{2001}) == 3);
  CHECK(cpus_for(shape, MilliCpu{99000}) == 8);
  CHECK(pluggable_for(shape, Bytes{100 * mib}) == Bytes{0});
  CHECK(pluggable_for(shape, Bytes{513 * mib}) == Bytes{2 * mib});
  CHECK(pluggable_for(shape, Bytes{64 * gib}) == Bytes{1536 * mib});
}

TEST_CASE("a guest that switches CPUs itself is asked for both at once") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{0});
  facts.asked = {MilliCpu{2500}, Bytes{gib}};
  const ResizePlan plan = plan_resize(shape, facts, t0);
  CHECK(orders_of(plan) == "set online 3, want memory 512Mi");
  CHECK_FALSE(plan.cpu.settled);
  CHECK_FALSE(plan.memory.settled);
}

TEST_CASE("what is reached is reported as asked") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 3, Bytes{512 * mib});
  facts.asked = {MilliCpu{2500}, Bytes{gib - mib}};
  const ResizePlan plan = plan_resize(shape, facts, t0);
  CHECK(plan.orders.empty());
  CHECK(plan.settled());
  CHECK(plan.cpu.actual == MilliCpu{2500});
  CHECK(plan.memory.actual == Bytes{gib - mib});
  CHECK(plan.memory.why.empty());
}

TEST_CASE("hot-plug fills slots before the guest switches, and empties them last") {
  const MachineShape shape = shape_with(CpuScalingMode::qmp);
  ResizeFacts facts = facts_at(shape, 1, Bytes{0});
  facts.asked.cpu = MilliCpu{4000};
  CHECK(orders_of(plan_resize(shape, facts, t0)) == "set slots 4");
  facts.slots_filled = 4;
  CHECK(orders_of(plan_resize(shape, facts, t0)) == "set online 4");
  facts.cpus_online = 4;
  CHECK(plan_resize(shape, facts, t0).orders.empty());
  facts.asked.cpu = MilliCpu{2000};
  CHECK(orders_of(plan_resize(shape, facts, t0)) == "set slots 2, set online 2");
}

TEST_CASE("where a slot cannot be emptied safely the guest switches the CPU off") {
  const MachineShape shape = shape_with(CpuScalingMode::qmp, false);
  ResizeFacts facts = facts_at(shape, 4, Bytes{0});
  facts.asked.cpu = MilliCpu{1000};
  CHECK(orders_of(plan_resize(shape, facts, t0)) == "set online 1");
  facts.cpus_online = 1;
  const ResizePlan plan = plan_resize(shape, facts, t0);
  CHECK(plan.orders.empty());
  CHECK(plan.cpu.actual == MilliCpu{1000});
}

TEST_CASE("without a monitor CPUs stay, and the report says why") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{0});
  facts.guest_connected = false;
  facts.asked.cpu = MilliCpu{3000};
  const ResizePlan plan = plan_resize(shape, facts, t0);
  CHECK(plan.orders.empty());
  CHECK(plan.cpu.settled);
  CHECK(plan.cpu.actual == MilliCpu{1000});
  CHECK(plan.cpu.why == "CPUs are switched in the guest, and no monitor answers there");
}

TEST_CASE("nothing is ordered during a migration, nor before the machine runs") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{0});
  facts.asked = {MilliCpu{2000}, Bytes{gib}};
  facts.migrating = true;
  CHECK(plan_resize(shape, facts, t0).orders.empty());
  CHECK(plan_resize(shape, facts, t0).cpu.why == "a migration is under way");
  facts.migrating = false;
  facts.phase = MachinePhase::paused;
  CHECK(plan_resize(shape, facts, t0).orders.empty());
}

TEST_CASE("a refusal is told, and tried again after a doubling, capped delay") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 4, Bytes{0});
  facts.asked.cpu = MilliCpu{1000};
  Instant now = t0;
  Duration longest{};
  for (int i = 0; i < 12; ++i) {
    REQUIRE(orders_of(plan_resize(shape, facts, now)) == "set online 1");
    facts.online = ordered(facts.online, 1);
    CHECK(plan_resize(shape, facts, now).orders.empty());
    facts.online = answered(facts.online, 1, "CPU 3 has pinned tasks", now);
    const ResizePlan plan = plan_resize(shape, facts, now);
    CHECK(plan.orders.empty());
    CHECK(plan.cpu.settled);
    CHECK(plan.cpu.why == "CPU 3 has pinned tasks");
    REQUIRE(plan.look_again);
    longest = std::max(longest, *plan.look_again - now);
    now = *plan.look_again;
  }
  CHECK(longest == resize_retry_cap);
}

TEST_CASE("a late answer to another wish changes nothing") {
  Attempt attempt = ordered(ordered({}, 2), 3);
  attempt = answered(attempt, 2, "no", t0);
  CHECK(attempt.open);
  CHECK(attempt.failures == 0);
}

TEST_CASE("memory that stays plugged is a refusal with a number, not a stall") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{640 * mib});
  facts.asked.memory = Bytes{512 * mib};
  facts.plugged_wish = Bytes{0};
  facts.memory_moving = true;
  CHECK_FALSE(plan_resize(shape, facts, t0).memory.settled);
  facts.memory_moving = false;
  const ResizePlan plan = plan_resize(shape, facts, t0);
  CHECK(plan.orders.empty());
  CHECK(plan.memory.settled);
  CHECK(plan.memory.why == "0 wished, 640Mi plugged: the rest is in use in the guest");
}

TEST_CASE("a size beyond the machine is told, not tried for ever") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{1536 * mib});
  facts.asked.memory = Bytes{4 * gib};
  CHECK(plan_resize(shape, facts, t0).orders.empty());
  CHECK(plan_resize(shape, facts, t0).memory.why == "this machine was started with 2Gi at most");
  facts = facts_at(shape, 1, Bytes{0});
  facts.asked.memory = Bytes{256 * mib};
  CHECK(plan_resize(shape, facts, t0).memory.why == "512Mi are fixed at power-on");
}

TEST_CASE("any machine that does what it is told reaches any size, and then rests") {
  neonvm::tests::sequences(5000);
  const bool held = rc::check("reaches and rests", [](bool sysfs, bool can_empty) {
    const MachineShape shape = shape_with(sysfs ? CpuScalingMode::sysfs : CpuScalingMode::qmp, can_empty);
    ResizeFacts facts = facts_at(shape, *rc::gen::inRange(1U, 9U), Bytes{*rc::gen::inRange<std::uint64_t>(0, 769) * 2 * mib});
    facts.asked = {MilliCpu{*rc::gen::inRange(1U, 8001U)}, Bytes{*rc::gen::inRange<std::uint64_t>(512, 2049) * mib}};
    int rounds = 0;
    for (;; ++rounds) {
      RC_ASSERT(rounds < 8);
      const ResizePlan plan = plan_resize(shape, facts, t0);
      if (plan.orders.empty()) break;
      for (const ResizeOrder& order : plan.orders) {
        if (order.deed == ResizeDeed::want_memory) facts.plugged = facts.plugged_wish = order.memory;
        if (order.deed == ResizeDeed::set_online) facts.cpus_online = order.cpus;
        if (order.deed != ResizeDeed::set_slots) continue;
        RC_ASSERT(order.cpus >= facts.slots_filled || can_empty);
        facts.slots_filled = order.cpus;
        facts.cpus_online = std::min(facts.cpus_online, order.cpus);
      }
    }
    const ResizePlan plan = plan_resize(shape, facts, t0);
    RC_ASSERT(plan.settled());
    RC_ASSERT(plan.cpu.actual == facts.asked.cpu);
    RC_ASSERT(plan.memory.actual == facts.asked.memory);
    RC_ASSERT(plan.cpu.why.empty());
    RC_ASSERT(plan.memory.why.empty());
  });
  CHECK(held);
}

TEST_CASE("sizes and shapes beyond all bounds lead to the nearest that the machine can have") {
  MachineShape shape = shape_with(CpuScalingMode::sysfs);
  const Bytes huge{~std::uint64_t{0}};
  CHECK(pluggable_for(shape, huge) == shape.pluggable_memory);
  CHECK(cpus_for(shape, MilliCpu{~0u}) == 8);
  shape.memory_block = {};
  shape.max_cpus = 0;
  CHECK(pluggable_for(shape, Bytes{gib}) == Bytes{512 * mib});
  CHECK(cpus_for(shape, MilliCpu{~0u}) == 1);
  shape.pluggable_memory = huge;
  CHECK(pluggable_for(shape, huge) == huge - shape.base_memory);
}

TEST_CASE("growth stops at what the guest's kernel can describe, and says so") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{256 * mib});
  facts.asked.memory = Bytes{2 * gib};
  facts.memory_most = Bytes{1025 * mib};
  facts.memory_most_why = "the kernel is full";
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 512Mi");
  facts.plugged = facts.plugged_wish = Bytes{512 * mib};
  const ResizePlan there = plan_resize(shape, facts, Instant{});
  CHECK(there.orders.empty());
  CHECK(there.settled());
  CHECK(there.memory.actual == Bytes{gib});
  CHECK(there.memory.why == "the kernel is full");

  facts.memory_most = Bytes{512 * mib};  // what is there stays
  CHECK(plan_resize(shape, facts, Instant{}).orders.empty());
  facts.asked.memory = Bytes{768 * mib};  // and a shrink is not held up
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 256Mi");
  facts.memory_most.reset();
  facts.asked.memory = Bytes{2 * gib};
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 1536Mi");
}

TEST_CASE("a shrink stops where its guest has no room left, goes on when it has, and gives nothing back") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{512 * mib});
  facts.asked.memory = Bytes{512 * mib};
  facts.memory_least = Bytes{768 * mib};
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 256Mi");
  facts.plugged_wish = Bytes{256 * mib};
  facts.plugged = Bytes{400 * mib};
  facts.memory_least = Bytes{960 * mib};  // in the middle of it the guest needs more: what is there stays
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 400Mi");
  facts.plugged_wish = Bytes{400 * mib};
  const ResizePlan there = plan_resize(shape, facts, Instant{});
  CHECK(there.orders.empty());
  CHECK(there.settled());
  CHECK(there.memory.actual == Bytes{912 * mib});
  CHECK(there.memory.why == "the guest has more in use: it stays at 912Mi until it gives some up");
  facts.memory_held = "600 MiB locked memory";
  CHECK(plan_resize(shape, facts, Instant{}).memory.why ==
        "the guest has more in use: it stays at 912Mi until it gives some up; the guest holds 600 MiB locked memory");
  facts.memory_held.clear();
  facts.memory_least = Bytes{640 * mib};
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 128Mi");
  facts.memory_least.reset();
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 0");
  facts.memory_least = Bytes{2 * gib};
  facts.asked.memory = Bytes{gib};  // a growth is not held up, nor made larger
  CHECK(orders_of(plan_resize(shape, facts, Instant{})) == "want memory 512Mi");
}

TEST_CASE("a shrink that is stuck says what holds the memory") {
  const MachineShape shape = shape_with(CpuScalingMode::sysfs);
  ResizeFacts facts = facts_at(shape, 1, Bytes{512 * mib});
  facts.asked.memory = Bytes{512 * mib};
  facts.plugged_wish = Bytes{0};
  facts.memory_held = "300Mi slab";
  CHECK(plan_resize(shape, facts, Instant{}).memory.why ==
        "0 wished, 512Mi plugged: the rest is in use in the guest; the guest holds 300Mi slab");
  facts.memory_moving = true;
  CHECK(plan_resize(shape, facts, Instant{}).memory.why.empty());
}
