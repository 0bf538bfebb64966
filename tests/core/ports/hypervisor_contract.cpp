#include "tests/core/ports/hypervisor_contract.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <iterator>

#include "tests/support/catch.hpp"

namespace neonvm::contracts {

namespace {
Instant clock_now() { return std::chrono::steady_clock::now(); }

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Of nothing that happened, before the deadline: one that waits, and one that comes after.
void must_wake(Machine& machine) {
  while (true) {
    const auto before = machine.next_event(clock_now());
    REQUIRE(before.ok());
    if (!*before) break;
  }
  const auto woken = [&machine] {
    const Deadline deadline = in_time();
    const auto none = machine.next_event(deadline);
    return none.ok() && !none->has_value() && clock_now() < deadline;
  };
  REQUIRE(machine.wake().ok());
  CHECK(woken());
  auto waiting = std::async(std::launch::async, woken);
  while (waiting.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) REQUIRE(machine.wake().ok());
  CHECK(waiting.get());
  (void)machine.next_event(clock_now());  // the wakes that nobody waited for
}

// `gone` comes last, and again whenever somebody asks.
void must_be_gone(Machine& machine) {
  const MachineEvent gone = await_event(machine, MachineEventKind::gone);
  CHECK_FALSE(gone.why.empty());
  for (int i = 0; i < 2; ++i) {
    const auto again = machine.next_event(in_time());
    REQUIRE(again.ok());
    REQUIRE(again->has_value());
    CHECK((*again)->kind == MachineEventKind::gone);
    CHECK((*again)->why == gone.why);
  }
  CHECK(machine.set_cpus(2, in_time()).error().code == Code::not_found);
  CHECK(machine.want_memory(Bytes{0}, in_time()).error().code == Code::not_found);
  CHECK(machine.pause(in_time()).error().code == Code::not_found);
  CHECK(machine.kill(in_time()).ok());
}
}  // namespace

std::uint16_t free_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  ::close(socket);
  return ntohs(address.sin_port);
}

Deadline in_time() { return clock_now() + std::chrono::seconds(120); }

std::unique_ptr<Machine> must_start(Hypervisor& door, const MachineSpec& spec) {
  auto machine = door.start(spec, in_time());
  INFO((machine ? std::string() : machine.error().message));
  REQUIRE(machine.ok());
  return std::move(*machine);
}

MachineState must_inspect(Machine& machine) {
  auto state = machine.inspect(in_time());
  INFO((state ? std::string() : state.error().message));
  REQUIRE(state.ok());
  return *state;
}

MachineEvent await_event(Machine& machine, MachineEventKind kind) {
  const Deadline deadline = in_time();
  while (true) {
    auto event = machine.next_event(deadline);
    INFO("waiting for event " << static_cast<int>(kind) << (event ? "" : ": " + event.error().message));
    REQUIRE(event.ok());
    REQUIRE(event->has_value());
    if ((*event)->kind == kind) return **event;
    INFO("instead: " << static_cast<int>((*event)->kind) << " " << (*event)->why);
    REQUIRE((*event)->kind != MachineEventKind::gone);
  }
}

MachineState await_state(Machine& machine, const std::function<bool(const MachineState&)>& as_told) {
  const Deadline deadline = in_time();
  while (true) {
    const MachineState state = must_inspect(machine);
    if (as_told(state)) return state;
    const auto event = machine.next_event(clock_now() + std::chrono::milliseconds(20));
    const bool gone = event && *event && (*event)->kind == MachineEventKind::gone;
    INFO("phase " << to_string(state.phase) << (gone ? ": " + (*event)->why : ""));
    REQUIRE(clock_now() < deadline);
    REQUIRE_FALSE(gone);
  }
}

void hypervisor_makes_disks(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const std::string base = under_test.folder + "/base.qcow2", top = under_test.folder + "/top.qcow2";
  CHECK(door.create_disk(base, "", Bytes{0}, in_time()).error().code == Code::invalid_argument);
  CHECK(door.create_disk(top, base, Bytes{0}, in_time()).error().code == Code::not_found);
  CHECK(text_of(top).empty());
  REQUIRE(door.create_disk(base, "", Bytes{64 * mib}, in_time()).ok());
  REQUIRE(door.create_disk(top, base, Bytes{0}, in_time()).ok());
  const std::string before = text_of(top);
  CHECK_FALSE(before.empty());
  CHECK(door.create_disk(top, base, Bytes{128 * mib}, in_time()).error().code == Code::already_exists);
  CHECK(text_of(top) == before);
  CHECK_FALSE(door.create_disk(under_test.folder + "/no/such/folder", "", Bytes{mib}, in_time()).ok());
}

void hypervisor_holds_one_machine(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const MachineSpec spec = under_test.machine("a", "a");
  CHECK(door.attach(spec, in_time()).error().code == Code::not_found);
  auto machine = must_start(door, spec);
  const MachineState first = must_inspect(*machine);
  CHECK(first.phase == MachinePhase::running);
  CHECK(first.pid > 0);
  CHECK_FALSE(first.accelerator.empty());
  CHECK_FALSE(first.machine_type.empty());
  CHECK_FALSE(first.version.empty());
  CHECK(first.cpus_present == spec.boot_cpus);
  CHECK(first.base_memory == spec.base_memory);
  CHECK(first.plugged_wish == Bytes{0});

  // Held: neither a second one nor a second holder.
  CHECK(door.start(spec, in_time()).error().code == Code::already_exists);
  CHECK(door.attach(spec, in_time()).error().code == Code::already_exists);
  // Not held, and alive: still no second one.
  machine.reset();
  CHECK(door.start(spec, in_time()).error().code == Code::already_exists);
  auto again = door.attach(spec, in_time());
  INFO((again ? std::string() : again.error().message));
  REQUIRE(again.ok());
  const MachineState second = must_inspect(**again);
  CHECK(second.pid == first.pid);
  CHECK(second.phase == MachinePhase::running);
  CHECK(second.machine_type == first.machine_type);
  CHECK((*again)->set_cpus(3, in_time())->actual == MilliCpu{3000});
  again->reset();

  auto third = door.attach(spec, in_time());
  REQUIRE(third.ok());
  CHECK(must_inspect(**third).cpus_present == 3);
  REQUIRE((*third)->kill(in_time()).ok());
  third->reset();
  CHECK(door.attach(spec, in_time()).error().code == Code::not_found);
  auto reborn = must_start(door, spec);
  CHECK(must_inspect(*reborn).pid != first.pid);
  CHECK(reborn->kill(in_time()).ok());
}

void hypervisor_locks_disks(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const std::string own = under_test.folder + "/own.qcow2", shared = under_test.folder + "/shared.qcow2";
  REQUIRE(door.create_disk(own, "", Bytes{64 * mib}, in_time()).ok());
  REQUIRE(door.create_disk(shared, "", Bytes{64 * mib}, in_time()).ok());
  MachineSpec a = under_test.machine("a", "a"), b = under_test.machine("b", "b");
  a.disks = b.disks = {{"root", own, "qcow2", false, false, "", {}}, {"data", shared, "qcow2", true, false, "", {}}};
  auto machine = must_start(door, a);
  const auto refused = door.start(b, in_time());
  CHECK(refused.error().code == Code::already_exists);
  // Read by both, written by none.
  b.disks.erase(b.disks.begin());
  auto reader = must_start(door, b);
  CHECK(reader->kill(in_time()).ok());
  reader.reset();
  b.disks[0].read_only = false;
  CHECK(door.start(b, in_time()).error().code == Code::already_exists);
  CHECK(machine->kill(in_time()).ok());
  b.disks = a.disks;
  auto heir = must_start(door, b);
  CHECK(heir->kill(in_time()).ok());
  heir.reset();
  b.disks[0].path = under_test.folder + "/nowhere.qcow2";
  CHECK(door.start(b, in_time()).error().code == Code::not_found);
}

void hypervisor_ends_machines(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const MachineSpec spec = under_test.machine("a", "a");
  {
    auto machine = must_start(door, spec);
    const auto none = machine->next_event(clock_now());
    REQUIRE(none.ok());
    must_wake(*machine);
    REQUIRE(machine->quit(in_time()).ok());
    await_event(*machine, MachineEventKind::powered_off);
    must_be_gone(*machine);
    CHECK(must_inspect(*machine).phase == MachinePhase::shut_down);
  }
  {
    auto machine = must_start(door, spec);
    REQUIRE(machine->kill(in_time()).ok());
    must_be_gone(*machine);
    CHECK(must_inspect(*machine).phase == MachinePhase::gone);
  }
  {
    auto machine = must_start(door, spec);
    under_test.kill_process(spec, must_inspect(*machine));
    must_be_gone(*machine);
    CHECK(must_inspect(*machine).phase == MachinePhase::gone);
  }
  {
    // Whoever attached hears of the end as well.
    must_start(door, spec).reset();
    auto machine = door.attach(spec, in_time());
    REQUIRE(machine.ok());
    under_test.kill_process(spec, must_inspect(**machine));
    must_be_gone(**machine);
  }
}

void hypervisor_pauses(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  auto machine = must_start(*under_test.door, under_test.machine("a", "a"));
  REQUIRE(machine->pause(in_time()).ok());
  await_event(*machine, MachineEventKind::paused);
  CHECK(must_inspect(*machine).phase == MachinePhase::paused);
  CHECK(machine->pause(in_time()).ok());
  REQUIRE(machine->resume(in_time()).ok());
  await_event(*machine, MachineEventKind::resumed);
  CHECK(must_inspect(*machine).phase == MachinePhase::running);
  CHECK(machine->resume(in_time()).ok());
  CHECK(machine->kill(in_time()).ok());
}

void hypervisor_forwards(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const Port port{"echo", 7, free_port(), Protocol::tcp};
  MachineSpec spec = under_test.machine("a", "a");
  auto machine = must_start(door, spec);
  REQUIRE(machine->add_forward(port, in_time()).ok());
  CHECK_FALSE(machine->add_forward(port, in_time()).ok());
  CHECK(machine->add_forward({"", 7, 0, Protocol::tcp}, in_time()).error().code == Code::invalid_argument);
  CHECK(machine->remove_forward(port, in_time()).ok());
  CHECK(machine->remove_forward(port, in_time()).ok());
  CHECK(machine->add_forward(port, in_time()).ok());
  CHECK(machine->kill(in_time()).ok());
  machine.reset();
  spec.networks.clear();
  auto alone = must_start(door, spec);
  CHECK(alone->add_forward(port, in_time()).error().code == Code::unsupported);
  CHECK(alone->kill(in_time()).ok());
}

namespace {
void must_ignore_button(const HypervisorUnderTest& under_test, const MachineSpec& spec, Machine& machine) {
  REQUIRE(under_test.guest(spec, GuestDeed::ignore_button));
  REQUIRE(machine.press_power_button(in_time()).ok());
  await_event(machine, MachineEventKind::shutdown_requested);
  CHECK(under_test.guest(spec, GuestDeed::boot));
  CHECK(must_inspect(machine).phase == MachinePhase::running);
}
}  // namespace

void hypervisor_hears_the_guest(const MakeHypervisor& make) {
  const HypervisorUnderTest under_test = make();
  Hypervisor& door = *under_test.door;
  const MachineSpec spec = under_test.machine("a", "a");
  struct End {
    GuestDeed deed;
    MachineEventKind told;
    MachinePhase phase;
  };
  for (const End& end : {End{GuestDeed::panic, MachineEventKind::panicked, MachinePhase::panicked},
                         End{GuestDeed::power_off, MachineEventKind::powered_off, MachinePhase::shut_down},
                         End{GuestDeed::reboot, MachineEventKind::reset, MachinePhase::gone}}) {
    auto machine = must_start(door, spec);
    REQUIRE(under_test.guest(spec, GuestDeed::boot));
    if (end.deed == GuestDeed::power_off) must_ignore_button(under_test, spec, *machine);
    REQUIRE(under_test.guest(spec, end.deed));
    const MachineEvent told = await_event(*machine, end.told);
    CHECK_FALSE(told.why.empty());
    const MachineEvent gone = await_event(*machine, MachineEventKind::gone);
    CHECK(gone.why.find(told.why) != std::string::npos);
    CHECK(must_inspect(*machine).phase == end.phase);
  }
  auto machine = must_start(door, spec);
  REQUIRE(under_test.guest(spec, GuestDeed::boot));
  REQUIRE(machine->press_power_button(in_time()).ok());
  await_event(*machine, MachineEventKind::shutdown_requested);
  await_event(*machine, MachineEventKind::powered_off);
  must_be_gone(*machine);
  CHECK(must_inspect(*machine).phase == MachinePhase::shut_down);
}

}  // namespace neonvm::contracts
