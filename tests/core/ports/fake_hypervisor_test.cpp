#include "tests/support/fake_hypervisor.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>

#include "tests/core/ports/hypervisor_contract.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace neonvm::fakes {
namespace {

using namespace neonvm::contracts;

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A guest that remembers what it wrote: as long as its line is there, the disk is the one that it knows.
bool play_disks(std::map<std::string, int>& turns, const MachineSpec& spec, GuestDeed deed) {
  int& turn = turns[spec.name];
  if (deed == GuestDeed::churn_disks) {
    ++turn;
    for (const MachineDisk& disk : spec.disks) std::ofstream(disk.path, std::ios::app) << "turn " << turn << "\n";
  }
  return std::ranges::all_of(spec.disks, [turn](const MachineDisk& disk) {
    return turn == 0 || text_of(disk.path).ends_with("turn " + std::to_string(turn) + "\n");
  });
}

bool play_guest(FakeWorld& world, const MachineSpec& spec, GuestDeed deed) {
  FakeBehaviour behaviour;
  behaviour.migration_lag = std::chrono::milliseconds(20);
  switch (deed) {
    case GuestDeed::boot: return world.state(spec.run_dir).has_value();
    case GuestDeed::power_off:
      world.behave(spec.name, behaviour);  // of its next life
      return world.power_off(spec.run_dir);
    case GuestDeed::reboot: return world.reboot(spec.run_dir);
    case GuestDeed::panic: return world.panic(spec.run_dir);
    case GuestDeed::ignore_button: behaviour.ignores_power_button = true; break;
    case GuestDeed::hold_memory: behaviour.memory_in_use = Bytes{400 * mib}; break;
    case GuestDeed::free_memory: break;
    case GuestDeed::churn_disks:
    case GuestDeed::rest:
    case GuestDeed::verify_disks: return false;  // play_disks()
  }
  world.behave(spec.name, behaviour);
  return true;
}

HypervisorUnderTest make_fake(bool empties_slots, Duration migration_lag) {
  struct Owned {
    TempDir folder;
    std::shared_ptr<FakeWorld> world = std::make_shared<FakeWorld>();
    FakeHypervisor door{world};
    std::map<std::string, int> turns;
  };
  const auto owned = std::make_shared<Owned>();
  const auto world = owned->world;
  FakeBehaviour behaviour;
  behaviour.cpu_unplug_unsafe = !empties_slots;
  behaviour.migration_lag = migration_lag;
  behaviour.memory_step = Bytes{128 * mib};
  behaviour.memory_lag = std::chrono::milliseconds(1);
  world->behave_by_default(behaviour);
  HypervisorUnderTest under_test;
  under_test.door = std::shared_ptr<Hypervisor>(owned, &owned->door);
  under_test.folder = owned->folder.path().string();
  under_test.machine = [folder = under_test.folder](const std::string& name, const std::string& vm) {
    MachineSpec spec;
    spec.name = vm;
    spec.uuid = vm;
    spec.run_dir = folder + "/" + name;
    spec.max_cpus = 4;
    spec.cpu_mode = CpuScalingMode::qmp;
    spec.base_memory = Bytes{256 * mib};
    spec.pluggable_memory = Bytes{2 * gib};
    spec.networks.push_back({});
    return spec;
  };
  under_test.guest = [world, turns = &owned->turns](const MachineSpec& spec, GuestDeed deed) {
    const bool of_disks = deed == GuestDeed::churn_disks || deed == GuestDeed::rest || deed == GuestDeed::verify_disks;
    return of_disks ? play_disks(*turns, spec, deed) : play_guest(*world, spec, deed);
  };
  under_test.guest_disks = [](const MachineSpec& spec) {
    const std::string text = text_of(spec.disks[0].path);
    return std::hash<std::string>()(text.substr(0, text.find('\n')));
  };
  under_test.guest_cpus = [world](const MachineSpec& spec) { return world->state(spec.run_dir)->cpus_present; };
  under_test.guest_memory = [world](const MachineSpec& spec) {
    const auto state = world->state(spec.run_dir);
    return state->base_memory + state->plugged_memory;
  };
  under_test.kill_process = [world](const MachineSpec& spec, const MachineState&) { world->kill(spec.run_dir); };
  under_test.empties_slots = empties_slots;
  return under_test;
}

HypervisorUnderTest make() { return make_fake(true, std::chrono::milliseconds(20)); }
// A copy that lasts until somebody ends it.
HypervisorUnderTest make_slow() { return make_fake(true, std::chrono::seconds(2)); }

TEST_CASE("the fake hypervisor makes disks") { hypervisor_makes_disks(make); }
TEST_CASE("the fake hypervisor holds one machine") { hypervisor_holds_one_machine(make); }
TEST_CASE("the fake hypervisor locks disks") { hypervisor_locks_disks(make); }
TEST_CASE("the fake hypervisor ends machines") { hypervisor_ends_machines(make); }
TEST_CASE("the fake hypervisor pauses") { hypervisor_pauses(make); }
TEST_CASE("the fake hypervisor forwards") { hypervisor_forwards(make); }
TEST_CASE("the fake hypervisor fills slots") { hypervisor_fills_slots(make); }
TEST_CASE("the fake hypervisor refuses to empty slots") {
  hypervisor_fills_slots([] { return make_fake(false, {}); });
}
TEST_CASE("the fake hypervisor moves memory") { hypervisor_moves_memory(make); }
TEST_CASE("the fake hypervisor hears the guest") { hypervisor_hears_the_guest(make); }
TEST_CASE("the fake hypervisor migrates") { hypervisor_migrates(make); }
TEST_CASE("the fake hypervisor cancels migrations") { hypervisor_cancels_migrations(make_slow); }
TEST_CASE("the fake hypervisor carries disks") { hypervisor_carries_disks(make); }
TEST_CASE("the fake hypervisor keeps disks") { hypervisor_keeps_disks(make_slow); }
TEST_CASE("the fake hypervisor undoes migrations") { hypervisor_undoes_migrations(make_slow); }

}  // namespace
}  // namespace neonvm::fakes
