#include "tests/core/ports/hypervisor_contract.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::contracts {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

// Long enough that a guest which still moves is not taken for one that rests.
constexpr Duration quiet = std::chrono::seconds(3);

CpuState must_set_cpus(Machine& machine, std::uint32_t count) {
  const auto state = machine.set_cpus(count, in_time());
  INFO((state ? std::string() : state.error().message));
  REQUIRE(state.ok());
  return *state;
}

void must_want(Machine& machine, Bytes size) {
  const Status taken = machine.want_memory(size, in_time());
  INFO((taken ? std::string() : taken.error().message));
  REQUIRE(taken.ok());
}

// It is plugged, and becomes the guest's when its kernel has brought it online.
void must_see_memory(const HypervisorUnderTest& under_test, const MachineSpec& spec, Bytes least) {
  const Deadline deadline = in_time();
  Bytes seen = under_test.guest_memory(spec);
  while (seen < least && clock_now() < deadline) seen = under_test.guest_memory(spec);
  CHECK(seen >= least);
}

bool settled(const MemoryState& memory) { return memory.settled; }
}  // namespace

void must_see_cpus(const HypervisorUnderTest& under_test, const MachineSpec& spec, std::uint64_t count) {
  const Deadline deadline = in_time();
  std::uint64_t seen = under_test.guest_cpus(spec);
  while (seen != count && clock_now() < deadline) seen = under_test.guest_cpus(spec);
  CHECK(seen == count);
}

MemoryState await_memory(Machine& machine, const std::function<bool(const MemoryState&)>& as_told) {
  const Deadline deadline = in_time();
  while (true) {
    const auto memory = machine.memory(quiet, in_time());
    INFO((memory ? to_string(memory->actual) + " of " + to_string(memory->asked) : memory.error().message));
    REQUIRE(memory.ok());
    if (as_told(*memory)) return *memory;
    REQUIRE(clock_now() < deadline);
    (void)machine.next_event(clock_now() + std::chrono::milliseconds(20));
  }
}

void hypervisor_fills_slots(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  const MachineSpec spec = under_test.machine("a", "a");
  auto machine = must_start(*under_test.door, spec);
  REQUIRE(under_test.guest(spec, GuestDeed::boot));
  must_see_cpus(under_test, spec, 1);
  CHECK(machine->set_cpus(0, in_time()).error().code == Code::invalid_argument);
  CHECK(machine->set_cpus(5, in_time()).error().code == Code::invalid_argument);

  const CpuState three = must_set_cpus(*machine, 3);
  CHECK(three.asked == MilliCpu{3000});
  CHECK(three.actual == MilliCpu{3000});
  CHECK(three.settled);
  CHECK(three.why.empty());
  await_event(*machine, MachineEventKind::cpus_changed);
  CHECK(must_inspect(*machine).cpus_present == 3);
  must_see_cpus(under_test, spec, 3);
  CHECK(must_set_cpus(*machine, 3).actual == MilliCpu{3000});
  CHECK(must_set_cpus(*machine, 4).actual == MilliCpu{4000});
  must_see_cpus(under_test, spec, 4);

  if (under_test.empties_slots) {
    CHECK(must_set_cpus(*machine, 2).actual == MilliCpu{2000});
    CHECK(must_inspect(*machine).cpus_present == 2);
  } else {
    const auto fewer = machine->set_cpus(2, in_time());
    REQUIRE_FALSE(fewer.ok());
    CHECK(fewer.error().code == Code::refused);
    CHECK_FALSE(fewer.error().message.empty());
    CHECK(must_inspect(*machine).cpus_present == 4);
  }
  CHECK(machine->kill(in_time()).ok());
}

void hypervisor_moves_memory(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  const MachineSpec spec = under_test.machine("a", "a");
  auto machine = must_start(*under_test.door, spec);
  REQUIRE(under_test.guest(spec, GuestDeed::boot));
  CHECK(machine->want_memory(spec.pluggable_memory + Bytes{1}, in_time()).error().code == Code::invalid_argument);
  const Bytes before = under_test.guest_memory(spec);

  // To the byte, rounded up to the block.
  must_want(*machine, Bytes{512 * mib - 1});
  const MachineEvent moved = await_event(*machine, MachineEventKind::memory_changed);
  CHECK(moved.memory > Bytes{0});
  const MemoryState grown = await_memory(*machine, settled);
  CHECK(grown.asked == Bytes{512 * mib});
  CHECK(grown.actual == Bytes{512 * mib});
  CHECK(grown.why.empty());
  CHECK(must_inspect(*machine).plugged_memory == Bytes{512 * mib});
  must_see_memory(under_test, spec, before + Bytes{400 * mib});
  must_want(*machine, Bytes{512 * mib});
  CHECK(await_memory(*machine, settled).actual == Bytes{512 * mib});

  // What the guest holds does not leave, and that is told as a figure.
  REQUIRE(under_test.guest(spec, GuestDeed::hold_memory));
  must_want(*machine, Bytes{0});
  const MemoryState stuck = await_memory(*machine, settled);
  CHECK(stuck.asked == Bytes{0});
  CHECK(stuck.actual > Bytes{100 * mib});
  CHECK(stuck.why.find("in use") != std::string::npos);
  CHECK(must_inspect(*machine).plugged_wish == Bytes{0});

  // A newer wish ends the older one. A Linux that is full has no room to manage more memory: it comes when there is.
  must_want(*machine, Bytes{768 * mib});
  REQUIRE(under_test.guest(spec, GuestDeed::free_memory));
  await_memory(*machine, [](const MemoryState& now) { return now.actual == Bytes{768 * mib}; });
  must_want(*machine, Bytes{128 * mib});
  const MemoryState shrunk = await_memory(*machine, settled);
  CHECK(shrunk.asked == Bytes{128 * mib});
  CHECK(shrunk.actual <= Bytes{160 * mib});
  CHECK(machine->kill(in_time()).ok());
}

}  // namespace neonvm::contracts
