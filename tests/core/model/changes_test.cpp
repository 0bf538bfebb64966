#include <functional>

#include "core/model/vm.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

using Lines = std::vector<std::string>;

Lines after(const std::function<void(VmSpec&)>& change) {
  VmSpec before;
  before.ports = {{"http", 80, 8080, Protocol::tcp}};
  VmSpec changed = before;
  change(changed);
  return forbidden_changes(before, changed);
}

}  // namespace

TEST_CASE("size in use, policy and wishes may change") {
  CHECK(after([](VmSpec& s) { s.cpu.use = MilliCpu{2000}; }) == Lines{});
  CHECK(after([](VmSpec& s) { s.memory.use = Bytes{gib}; }) == Lines{});
  CHECK(after([](VmSpec& s) { s.scaling.enabled = true; }) == Lines{});
  CHECK(after([](VmSpec& s) { s.restart_policy = RestartPolicy::never; }) == Lines{});
  CHECK(after([](VmSpec& s) { s.stopped = true; }) == Lines{});
  CHECK(after([](VmSpec& s) { s.target_revision = Revision{1, 1}; }) == Lines{});
  CHECK(after([](VmSpec& s) { s.kernel = "next"; }) == Lines{});
}

TEST_CASE("what a VM was made of is fixed") {
  const std::pair<const char*, std::function<void(VmSpec&)>> changes[] = {
      {"spec.guest.cpus.min", [](VmSpec& s) { s.cpu.min = MilliCpu{500}; }},
      {"spec.guest.cpus.max", [](VmSpec& s) { s.cpu.max = MilliCpu{8000}; }},
      {"spec.guest.memorySlots.min", [](VmSpec& s) { s.memory.min = Bytes{128 * mib}; }},
      {"spec.guest.memorySlots.max", [](VmSpec& s) { s.memory.max = Bytes{gib}; }},
      {"spec.guest.memorySlotSize", [](VmSpec& s) { s.memory.slot_size = Bytes{64 * mib}; }},
      {"spec.guest.ports", [](VmSpec& s) { s.ports[0].guest = 81; }},
      {"spec.guest.rootDisk.image", [](VmSpec& s) { s.root_image = "other"; }},
      {"spec.guest.rootDisk.size", [](VmSpec& s) { s.root_size = Bytes{gib}; }},
      {"spec.guest.command", [](VmSpec& s) { s.command = {"sh"}; }},
      {"spec.guest.args", [](VmSpec& s) { s.args = {"-x"}; }},
      {"spec.guest.env", [](VmSpec& s) { s.env = {{"A", "b"}}; }},
      {"spec.guest.settings.sysctl", [](VmSpec& s) { s.sysctl = {"a=b"}; }},
      {"spec.disks", [](VmSpec& s) { s.disks.resize(1); }},
      {"spec.enableAcceleration", [](VmSpec& s) { s.acceleration = false; }},
  };
  for (const auto& [path, change] : changes) {
    INFO(path);
    const Lines lines = after(change);
    REQUIRE(lines.size() == 1);
    CHECK(lines.front().rfind(std::string(path) + ": is fixed once the VM exists", 0) == 0);
  }
}

TEST_CASE("a message says what to keep") {
  CHECK(after([](VmSpec& s) { s.cpu.max = MilliCpu{8000}; }) ==
        Lines{"spec.guest.cpus.max: is fixed once the VM exists; keep 1 instead of 8, or delete the VM and make it "
              "anew"});
}

TEST_CASE("host ports may change only while the VM is stopped") {
  const auto move_port = [](VmSpec& s) { s.ports[0].host = 9090; };
  CHECK(after(move_port) == Lines{"annotation neonvm.dev/host-ports: is fixed while the VM runs; stop it first"});
  VmSpec before;
  before.stopped = true;
  before.ports = {{"http", 80, 8080, Protocol::tcp}};
  VmSpec changed = before;
  move_port(changed);
  CHECK(forbidden_changes(before, changed) == Lines{});
}

TEST_CASE("the CPU scaling mode is set once") {
  VmSpec before, chosen, other;
  chosen.cpu_scaling_mode = CpuScalingMode::sysfs;
  other.cpu_scaling_mode = CpuScalingMode::qmp;
  CHECK(forbidden_changes(before, chosen) == Lines{});
  CHECK(forbidden_changes(chosen, chosen) == Lines{});
  CHECK(forbidden_changes(chosen, other).size() == 1);
  CHECK(forbidden_changes(chosen, before).size() == 1);
}
