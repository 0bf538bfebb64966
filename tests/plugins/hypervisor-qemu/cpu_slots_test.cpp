// CPU slots against a QEMU with a guest that obeys, refuses or says nothing. Emptying is safe under KVM only, so that
// way is tried here and not with a real QEMU under TCG.
#include "plugins/hypervisor-qemu/cpu_slots.hpp"

#include <functional>
#include <set>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

Deadline soon() { return clock_now() + std::chrono::seconds(30); }
Deadline shortly() { return clock_now() + std::chrono::milliseconds(50); }

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t at = text.find(before) + before.size();
  return text.substr(at, text.find(after, at) - at);
}

// Six slots, the first filled for ever.
class SixSlots final : public Monitor {
 public:
  std::vector<Result<std::string>> execute_all(std::span<const QmpCommand> commands, Deadline) override {
    std::vector<Result<std::string>> answers;
    for (const QmpCommand& command : commands) answers.push_back(execute_one(command));
    return answers;
  }

  std::set<std::string> filled;                           // "cpu1", …
  std::set<std::string> broken;                           // QEMU refuses to fill them
  std::function<void(const std::string& device)> on_del;  // what the guest does when it shall give one up

 private:
  Result<std::string> execute_one(const QmpCommand& command) {
    if (command.name == "query-hotpluggable-cpus") return slots();
    const std::string device = between(command.arguments, "\"id\":\"", "\"");
    if (command.name == "device_add") {
      if (broken.contains(device)) return Error{Code::refused, "QEMU refused device_add: no memory"};
      filled.insert(device);
    } else if (on_del) {
      on_del(device);
    }
    return std::string("{}");
  }

  std::string slots() const {
    std::string list;
    for (int i = 5; i >= 0; --i) {
      const std::string device = "cpu" + std::to_string(i);
      std::string path = i == 0 ? "/machine/unattached/device[0]" : "";
      if (filled.contains(device)) path = "/machine/peripheral/" + device;
      list += (list.empty() ? "[" : ",") + (R"({"type":"host-cpu","props":{"core-id":)" + std::to_string(i) + "}");
      list += path.empty() ? "}" : R"(,"qom-path":")" + path + "\"}";
    }
    return list + "]";
  }
};

QmpEvent deleted(const std::string& device) { return {"DEVICE_DELETED", R"({"device":")" + device + "\"}"}; }
QmpEvent refused(const std::string& device) {
  return {"ACPI_DEVICE_OST",
          R"({"info":{"device":")" + device + R"(","source":3,"status":130,"slot":"9","slot-type":"CPU"}})"};
}

TEST_CASE("several slots are filled in one call, from below, and one that cannot be filled keeps no other") {
  SixSlots qemu;
  qemu.broken = {"cpu2"};
  CpuSlots slots(qemu);
  const auto state = slots.set(5, soon());
  REQUIRE(state.ok());
  CHECK(qemu.filled == std::set<std::string>{"cpu1", "cpu3", "cpu4"});
  CHECK(state->asked == MilliCpu{5000});
  CHECK(state->actual == MilliCpu{4000});
  CHECK(state->settled);
  CHECK(state->why == "cpu2: QEMU refused device_add: no memory");
  // The next call goes on where it can.
  qemu.broken.clear();
  CHECK(slots.set(5, soon())->actual == MilliCpu{5000});
}

TEST_CASE("a slot is not emptied before it is known to be safe") {
  SixSlots qemu;
  qemu.filled = {"cpu1", "cpu2"};
  CpuSlots slots(qemu);
  const auto state = slots.set(1, soon());
  REQUIRE_FALSE(state.ok());
  CHECK(state.error().code == Code::refused);
  CHECK(qemu.filled.size() == 2);
}

TEST_CASE("emptied slots are those on top, and the guest's refusal of one is told") {
  SixSlots qemu;
  qemu.filled = {"cpu1", "cpu2", "cpu3", "cpu4"};
  CpuSlots slots(qemu);
  slots.unplug_is_safe();
  qemu.on_del = [&](const std::string& device) {
    if (device == "cpu3") {
      CHECK(slots.on_event(refused(device))->why.find("cpu3") != std::string::npos);
    } else {
      qemu.filled.erase(device);
      CHECK(slots.on_event(deleted(device))->kind == MachineEventKind::cpus_changed);
    }
  };
  const auto state = slots.set(2, soon());
  REQUIRE(state.ok());
  CHECK(qemu.filled == std::set<std::string>{"cpu1", "cpu3"});
  CHECK(state->actual == MilliCpu{3000});
  CHECK(state->settled);
  CHECK(state->why.find("cpu3") != std::string::npos);
}

TEST_CASE("a guest that says nothing costs the deadline, and the others have moved") {
  SixSlots qemu;
  qemu.filled = {"cpu1", "cpu2", "cpu3"};
  CpuSlots slots(qemu);
  slots.unplug_is_safe();
  qemu.on_del = [&](const std::string& device) {
    if (device == "cpu2") return;
    qemu.filled.erase(device);
    slots.on_event(deleted(device));
  };
  const auto state = slots.set(1, shortly());
  REQUIRE(state.ok());
  CHECK(state->actual == MilliCpu{2000});
  CHECK_FALSE(state->settled);
  CHECK_FALSE(state->why.empty());
}

TEST_CASE("CPUs from power-on stay") {
  SixSlots qemu;
  CpuSlots slots(qemu);
  slots.unplug_is_safe();
  CHECK(slots.set(1, soon())->actual == MilliCpu{1000});
  CHECK(slots.set(0, soon()).error().code == Code::invalid_argument);
  CHECK(slots.set(7, soon()).error().code == Code::invalid_argument);
}

TEST_CASE("the target of a migration gets exactly the source's slots") {
  SixSlots qemu;
  CpuSlots slots(qemu);
  REQUIRE(slots.fill({0, 2, 5}, soon()).ok());
  CHECK(qemu.filled == std::set<std::string>{"cpu2", "cpu5"});
  CHECK(slots.fill({9}, soon()).error().code == Code::invalid_argument);
}

}  // namespace
}  // namespace neonvm::qemu
