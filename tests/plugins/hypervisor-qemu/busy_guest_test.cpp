// A guest that never rests keeps every write across live migrations, again and again, with limits so tight that the
// switch comes in the middle of its work. TCG loses writes where memory is not laid out for it (command_line.hpp,
// qemu_machine.cpp); on a quiet guest, or in a few rounds, one would not see it.
#include <algorithm>
#include <cstdio>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

constexpr Bytes above_base_memory{4 * gib};  // virtio-mem's place: behind the hole for devices
constexpr std::uint64_t tight_bandwidth = gib;

Settings tight() {
  Settings settings;
  settings.migration_downtime_ms = 30;
  return settings;
}

// Two MiB without a pause: with a guard taken away a write was lost within four moves, in each of six runs.
constexpr const char* busy = "dirty 2 0";

class BusyGuest {
 public:
  BusyGuest(std::shared_ptr<RealQemu> qemu, Bytes plugged) : qemu_(std::move(qemu)), spec_(qemu_->machine("m0", "busy")) {
    machine_ = must_start(qemu_->door(), spec_);
    REQUIRE(qemu_->boots(spec_));
    if (plugged.value == 0) return;
    REQUIRE(machine_->want_memory(plugged, in_time()).ok());
    await_memory(*machine_, [&](const MemoryState& memory) { return memory.actual == plugged; });
    // Online before the checker asks for memory, so that it gets it there.
    await([&] { return guest().number("memory").value_or(0) * kib >= (spec_.base_memory + plugged).value * 3 / 4; });
  }

  void work() {
    REQUIRE(guest().ask(busy) == "ok");
    await([&] { return check().sweeps > 0; });
  }
  Bytes where() { return Bytes{guest().number("where").value_or(0)}; }

  // To a new QEMU and on there; then the guest has to work on, without a fault.
  MigrationReport move() {
    MachineSpec there = qemu_->machine("m" + std::to_string(++moves_), "busy");
    there.incoming = true;
    const MachineState state = must_inspect(*machine_);
    auto target = must_start(qemu_->door(), there);
    const auto address = target->listen(state, in_time());
    REQUIRE(address.ok());
    MigrationSpec limits;
    limits.max_bandwidth = tight_bandwidth;
    REQUIRE(machine_->migrate_to(*address, limits, in_time()).ok());
    const MigrationReport report = await_end_of_migration(*machine_);
    INFO(report.why);
    REQUIRE(report.state == MigrationState::completed);
    await_state(*target, [](const MachineState& now) { return now.phase == MachinePhase::paused; });
    REQUIRE(machine_->kill(in_time()).ok());
    REQUIRE(target->resume(in_time()).ok());
    machine_ = std::move(target);
    spec_ = there;
    REQUIRE(qemu_->boots(spec_));
    const std::uint64_t before = check().sweeps;
    await([&] { return check().sweeps > before + 1; });
    return report;
  }

  support::TinyGuest::Check check() {
    const auto now = guest().check();
    REQUIRE(now.has_value());
    return *now;
  }

 private:
  support::TinyGuest& guest() { return qemu_->guest(spec_); }

  template <typename Done>
  void await(Done done) {
    const Deadline deadline = in_time();
    while (!done()) REQUIRE(clock_now() < deadline);
  }

  std::shared_ptr<RealQemu> qemu_;
  MachineSpec spec_;
  std::unique_ptr<Machine> machine_;
  int moves_ = 0;
};

// Moves it `rounds` times; every page has to be what was written last.
void must_lose_nothing(BusyGuest& guest, int rounds, const char* what) {
  std::vector<double> downtimes, totals;
  for (int round = 1; round <= rounds; ++round) {
    INFO("move " << round);
    const MigrationReport report = guest.move();
    downtimes.push_back(seconds(report.progress.downtime) * 1000);
    totals.push_back(seconds(report.progress.total_time) * 1000);
    REQUIRE(guest.check().errors == 0);
  }
  std::ranges::sort(downtimes);
  std::ranges::sort(totals);
  const std::size_t middle = downtimes.size() / 2;
  std::printf("%s: %d moves, nothing lost; ms median (most): total %.0f (%.0f), downtime %.0f (%.0f)\n", what, rounds,
              totals[middle], totals.back(), downtimes[middle], downtimes.back());
}

TEST_CASE("a busy guest keeps its memory across live migrations") {
  BusyGuest guest(std::make_shared<RealQemu>(tight()), Bytes{0});
  guest.work();
  must_lose_nothing(guest, 12, "base memory, live");
}

TEST_CASE("a busy guest keeps its plugged memory across migrations") {
  BusyGuest guest(std::make_shared<RealQemu>(tight()), Bytes{512 * mib});
  guest.work();
  REQUIRE(guest.where() >= above_base_memory);
  must_lose_nothing(guest, 8, "plugged memory, standing still");
}

}  // namespace
}  // namespace neonvm::qemu
