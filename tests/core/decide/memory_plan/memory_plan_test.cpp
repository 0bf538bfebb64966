#include "core/decide/memory_plan.hpp"

#include <rapidcheck.h>

#include <numeric>

#include "core/model/memory_zones.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/sequences.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

Bytes mebibytes(std::uint64_t n) { return Bytes{n * mib}; }

MachineShape shape_of(std::uint64_t base, std::uint64_t pluggable) {
  MachineShape shape;
  shape.base_memory = mebibytes(base);
  shape.pluggable_memory = mebibytes(pluggable);
  return shape;
}

// A guest of 512 MiB with 2 GiB plugged, all of it movable, idle.
MemoryLayout idle() {
  MemoryLayout layout;
  layout.kernel = {mebibytes(512), mebibytes(484), mebibytes(412), mebibytes(2), mebibytes(10), mebibytes(4), mebibytes(2)};
  layout.movable = {mebibytes(2048), mebibytes(2048), mebibytes(2040), mebibytes(8), mebibytes(4), mebibytes(4), mebibytes(0)};
  layout.page_tables = mebibytes(1);
  layout.kernel_stacks = mebibytes(1);
  layout.floor = mebibytes(640);
  return layout;
}

GuestSample with(const MemoryLayout& layout, std::uint64_t slab = 10) {
  GuestSample sample;
  sample.memory_total = layout.kernel.managed + (is_known(layout.movable.managed) ? layout.movable.managed : Bytes{});
  sample.memory_available = layout.kernel.free + (is_known(layout.movable.free) ? layout.movable.free : Bytes{});
  sample.slab_unreclaimable = mebibytes(slab);
  sample.slab_reclaimable = mebibytes(2);
  sample.layout = std::make_shared<const MemoryLayout>(layout);
  return sample;
}

MemoryPlan plan(const GuestSample& sample, const MachineShape& shape = shape_of(512, 4096), std::uint64_t plugged = 2048) {
  return plan_memory(shape, mebibytes(plugged), sample).value();
}

Bytes held_by(const MemoryPlan& plan, Holder holder) {
  for (const Held& each : plan.held)
    if (each.holder == holder) return each.amount;
  return {};
}

}  // namespace

TEST_CASE("without a layout there is no plan") {
  CHECK_FALSE(plan_memory(shape_of(512, 2048), {}, GuestSample{}));
  GuestSample sample;
  sample.layout = std::make_shared<const MemoryLayout>();
  CHECK_FALSE(plan_memory(shape_of(512, 2048), {}, sample));
}

TEST_CASE("what can be taken back is what the guest itself would agree to") {
  const MemoryPlan idle_plan = plan(with(idle()));
  CHECK(idle_plan.size == mebibytes(2560));
  CHECK(idle_plan.floor == mebibytes(640));
  CHECK(idle_plan.reclaimable == mebibytes(1920));
  CHECK(idle_plan.in_kernel_zone == Bytes{});

  MemoryLayout below_base = idle();
  below_base.floor = mebibytes(100);
  CHECK(plan(with(below_base)).floor == mebibytes(512));

  MemoryLayout silent = idle();
  silent.floor = unknown;  // then by the same rule, from the sample
  CHECK(plan(with(silent)).floor == mebibytes(512));
  GuestSample used = with(silent);
  used.memory_available = mebibytes(1500);
  CHECK(plan(used).floor > mebibytes(1100));
  CHECK(plan(used).floor < mebibytes(1300));
}

TEST_CASE("a shrink ends where the guest could not run on") {
  GuestSample sample = with(idle());
  sample.memory_available = mebibytes(2000);
  sample.swap_free = unknown;
  // 2560 - (2000 - 48) = 608: in steps of 32 above the base.
  CHECK(plan(sample).least == mebibytes(608));
  sample.memory_available = mebibytes(1999);
  CHECK(plan(sample).least == mebibytes(640));
  sample.memory_available = mebibytes(20);
  CHECK(plan(sample).least == mebibytes(2560));
  sample.swap_free = mebibytes(512);  // what it holds could be swapped out
  CHECK(plan(sample).least == mebibytes(2080));
  sample.memory_available = mebibytes(9000);
  CHECK(plan(sample).least == mebibytes(512));
  sample.memory_available = unknown;  // nothing is known against it
  CHECK(plan(sample).least == mebibytes(512));
}

TEST_CASE("what holds memory is told by kind, the largest first") {
  MemoryLayout layout = idle();
  layout.kernel.free = mebibytes(152);
  layout.kernel.unevictable = mebibytes(96);
  layout.movable.anonymous = mebibytes(700);
  layout.movable.free = mebibytes(1340);
  layout.page_tables = mebibytes(40);
  const MemoryPlan full = plan(with(layout, 120));
  REQUIRE(full.held.size() >= 5);
  CHECK(full.held[0] == Held{Holder::programs, mebibytes(704)});
  CHECK(held_by(full, Holder::slab) == mebibytes(120));
  CHECK(held_by(full, Holder::locked) == mebibytes(96));
  CHECK(held_by(full, Holder::page_tables) == mebibytes(40));
  CHECK(held_by(full, Holder::page_structs) == mebibytes(32));  // 1/64 of 2 GiB
  CHECK(in_words(full.held) == "704Mi programs and tmpfs, 120Mi slab, 96Mi locked memory");

  GuestSample swap = with(layout, 120);
  swap.swap_free = mebibytes(600);
  CHECK(held_by(plan(swap), Holder::programs) == mebibytes(104));
}

TEST_CASE("what was plugged into the kernel's zone may stay") {
  MemoryLayout layout = idle();
  layout.kernel.present = layout.kernel.managed = mebibytes(1024);
  layout.movable.present = layout.movable.managed = mebibytes(1536);
  CHECK(plan(with(layout)).in_kernel_zone == mebibytes(512));
}

TEST_CASE("a kernel with room lets the VM grow to its maximum") {
  const MemoryPlan idle_plan = plan(with(idle()));
  CHECK(idle_plan.most == mebibytes(4608));
  CHECK(idle_plan.most_why.empty());
}

TEST_CASE("what the kernel holds for itself limits growth, and is named") {
  MemoryLayout layout = idle();
  layout.kernel.free = mebibytes(12);
  MachineShape shape = shape_of(512, 32 * 1024);
  shape.movable_ratio = Onlining::all_movable().movable_ratio;
  // 484 managed, 18 on lists; 16 must stay: 466 are the kernel's, 2 of them for page structs.
  const MemoryPlan tight = plan(with(layout, 400), shape);
  CHECK(tight.most > tight.size);
  CHECK(tight.most < mebibytes(4096));
  CHECK(tight.most_why.find("402Mi slab") != std::string::npos);
  CHECK(tight.most_why.find(to_string(tight.most)) != std::string::npos);

  layout.kernel.free = layout.kernel.file = layout.kernel.anonymous = mebibytes(1);
  const MemoryPlan full = plan(with(layout, 450), shape);
  CHECK(full.most == full.size);
}

TEST_CASE("slab that is called reclaimable counts as held until it was dropped") {
  MemoryLayout layout = idle();
  layout.kernel.free = mebibytes(80);
  MachineShape shape = shape_of(512, 32 * 1024);
  shape.movable_ratio = Onlining::all_movable().movable_ratio;
  GuestSample pipes = with(layout, 120);
  pipes.slab_reclaimable = mebibytes(250);
  const MemoryPlan before = plan(pipes, shape);
  CHECK(before.droppable == mebibytes(250));
  CHECK(before.kernel_room == mebibytes(90));
  CHECK(before.most < mebibytes(9 * 1024));  // 90 - 16 - 12 hold up less than 6 GiB more
  CHECK(before.most_why.find("370Mi slab") != std::string::npos);
  CHECK(held_by(before, Holder::slab) == mebibytes(120));
  CHECK(worth_dropping(before, {}));
  CHECK_FALSE(worth_dropping(before, mebibytes(246)));  // it was in use

  layout.kernel.free = mebibytes(325);
  GuestSample dropped = with(layout, 120);
  dropped.slab_reclaimable = mebibytes(5);
  CHECK(plan(dropped, shape).most > mebibytes(16 * 1024));
  CHECK_FALSE(worth_dropping(plan(dropped, shape), {}));
  // In nobody's way.
  CHECK_FALSE(worth_dropping(plan(pipes), {}));
}

TEST_CASE("the next block that is the kernel's own needs no page structs from the base") {
  MemoryLayout layout = idle();
  layout.kernel.free = layout.kernel.file = layout.kernel.anonymous = mebibytes(1);
  layout.movable.present = layout.movable.managed = mebibytes(2112);  // 4.01 times 512 are 2053
  CHECK(plan(with(layout, 450)).most == mebibytes(4608));
}

TEST_CASE("programs in the kernel's zone make growth wait, but never a guest that has nothing else") {
  MemoryLayout layout = idle();
  layout.kernel.anonymous = mebibytes(408);
  layout.kernel.free = mebibytes(6);
  MachineShape shape = shape_of(512, 32 * 1024);
  shape.movable_ratio = Onlining::all_movable().movable_ratio;
  const MemoryPlan waits = plan(with(layout), shape);
  CHECK(waits.most < mebibytes(4096));
  CHECK(waits.most_why.find("wait for room") != std::string::npos);

  layout.kernel.free = mebibytes(1), layout.kernel.file = mebibytes(0);
  layout.movable.free = layout.movable.file = mebibytes(0);
  const MemoryPlan starved = plan(with(layout), shape);
  CHECK(starved.most == starved.size + memory_step);
}

namespace {

Bytes some(std::uint64_t most) { return mebibytes(*rc::gen::inRange<std::uint64_t>(0, most + 1)); }

MemoryZone any_zone(std::uint64_t size) {
  const auto part = [size] { return *rc::gen::weightedOneOf<Bytes>({{1, rc::gen::just(unknown)}, {6, rc::gen::just(some(size))}}); };
  MemoryZone zone{part(), some(size), part(), part(), part(), part(), part()};
  return zone;
}

// The kernel's own rule, block for block, as mm/memory_hotplug.c has it; true if the least room is left behind each movable one.
bool describes(Bytes kernel, Bytes movable, Bytes room, Bytes growth, double ratio) {
  const Bytes block{128 * mib};
  const auto signed_room = [](Bytes b) { return static_cast<double>(b.value); };
  double left = signed_room(room);
  for (Bytes plugged; plugged + block <= growth; plugged = plugged + block) {
    left -= signed_room(block) * 9 / 512;
    const bool goes_movable = signed_room(movable + block) <= ratio * signed_room(kernel);
    if (goes_movable && left < signed_room(least_kernel_room)) return false;
    if (goes_movable) movable = movable + block;
    else kernel = kernel + block, left += signed_room(block);
  }
  return true;
}

}  // namespace

TEST_CASE("the laws of a plan") {
  tests::sequences(1500);
  CHECK(rc::check([] {
    MachineShape shape = shape_of(*rc::gen::inRange<std::uint64_t>(64, 4096), *rc::gen::inRange<std::uint64_t>(0, 256 * 1024));
    shape.pluggable_memory = round_down(shape.pluggable_memory, shape.memory_block.value);
    shape.movable_ratio = *rc::gen::element(4.01, 1.0, 100.0, Onlining::all_movable().movable_ratio);
    const Bytes plugged = round_down(some(shape.pluggable_memory.value / mib), shape.memory_block.value);
    MemoryLayout layout;
    layout.kernel = any_zone(shape.base_memory.value / mib);
    layout.movable = any_zone(plugged.value / mib);
    layout.page_tables = some(64);
    layout.floor = *rc::gen::element(unknown, some(8192));
    GuestSample sample;
    sample.memory_total = some(8192);
    sample.memory_available = some(8192);
    sample.slab_unreclaimable = some(512);
    sample.slab_reclaimable = some(64);
    sample.layout = std::make_shared<const MemoryLayout>(layout);
    const MemoryPlan plan = plan_memory(shape, plugged, sample).value();
    RC_ASSERT(plan.size == shape.base_memory + plugged);
    RC_ASSERT(plan.floor + plan.reclaimable == plan.size);
    RC_ASSERT(plan.reclaimable <= plugged);
    RC_ASSERT(plan.least >= shape.base_memory && plan.least <= plan.size);
    RC_ASSERT(plan.in_kernel_zone <= plugged);
    RC_ASSERT(plan.most >= plan.size && plan.most <= shape.base_memory + shape.pluggable_memory);
    if (plan.most < shape.base_memory + shape.pluggable_memory) RC_ASSERT(!plan.most_why.empty());
    Bytes sum;
    for (const Held& held : plan.held) sum = sum + held.amount;
    RC_ASSERT(sum <= plan.kernel_size + plan.movable_size);
    RC_ASSERT(std::is_sorted(plan.held.begin(), plan.held.end(), [](const Held& a, const Held& b) { return a.amount > b.amount; }));
    Bytes kernels;
    for (const Holder holder : {Holder::slab, Holder::page_tables, Holder::kernel_stacks, Holder::page_structs, Holder::kernel_other})
      kernels = kernels + held_by(plan, holder);
    const auto known = [](Bytes b) { return is_known(b) ? b : Bytes{}; };
    const Bytes kernel_present = std::max(known(layout.kernel.present), plan.kernel_size);
    const Bytes movable_present = std::max(known(layout.movable.present), plan.movable_size);
    kernels = kernels + plan.droppable;
    RC_ASSERT(describes(kernel_present, movable_present, plan.kernel_size - kernels, plan.most - plan.size, shape.movable_ratio) ||
              plan.most - plan.size <= memory_step);
  }));
}

TEST_CASE("more that the kernel holds never lets a VM grow further") {
  tests::sequences(500);
  CHECK(rc::check([] {
    MachineShape shape = shape_of(512, 64 * 1024);
    shape.movable_ratio = *rc::gen::element(4.01, Onlining::all_movable().movable_ratio);
    const std::uint64_t less = *rc::gen::inRange<std::uint64_t>(0, 400), more = *rc::gen::inRange<std::uint64_t>(less, 401);
    const auto most = [&](std::uint64_t slab) {
      MemoryLayout layout = idle();
      layout.kernel.free = mebibytes(412 - slab);
      return plan_memory(shape, mebibytes(2048), with(layout, slab))->most;
    };
    RC_ASSERT(most(more) <= most(less));
  }));
}
