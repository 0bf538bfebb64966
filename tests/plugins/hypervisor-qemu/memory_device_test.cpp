#include "plugins/hypervisor-qemu/memory_device.hpp"

#include "plugins/hypervisor-qemu/clock.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

// A virtio-mem device of 1 GiB, as QMP shows it. Its guest gives up when it has no room, and tries again when told.
class StubbornGuest final : public Monitor {
 public:
  std::vector<Result<std::string>> execute_all(std::span<const QmpCommand> commands, Deadline) override {
    std::vector<Result<std::string>> answers;
    for (const QmpCommand& command : commands) answers.push_back(execute_one(command));
    return answers;
  }

  Bytes size, wish;
  bool has_room = true;
  int told = 0;

 private:
  std::string execute_one(const QmpCommand& command) {
    if (command.name == "qom-set") {
      const std::size_t at = command.arguments.rfind("\"value\":");
      wish = Bytes{std::stoull(command.arguments.substr(at + 8))};
      ++told;
      if (has_room || wish < size) size = wish;
      return "{}";
    }
    return R"([{"type":"virtio-mem","data":{"id":"vm0","block-size":2097152,"max-size":1073741824,"size":)" +
           std::to_string(size.value) + R"(,"requested-size":)" + std::to_string(wish.value) + "}}]";
  }
};

Deadline soon() { return clock_now() + std::chrono::seconds(30); }

TEST_CASE("a wish is rounded up to the block and is within the device") {
  StubbornGuest guest;
  PluggableMemory memory(guest);
  REQUIRE(memory.want(Bytes{3 * mib}, soon()).ok());
  CHECK(guest.wish == Bytes{4 * mib});
  REQUIRE(memory.want(Bytes{4 * mib}, soon()).ok());
  CHECK(guest.told == 1);
  const auto more = memory.want(Bytes{gib + 1}, soon());
  REQUIRE_FALSE(more.ok());
  CHECK(more.error().code == Code::invalid_argument);
}

TEST_CASE("a growth that stands still is told anew until it moves") {
  StubbornGuest guest;
  guest.has_room = false;
  PluggableMemory memory(guest);
  REQUIRE(memory.want(Bytes{64 * mib}, soon()).ok());
  CHECK(guest.told == 1);
  // As next_event() does: look whenever a look is due. Nothing is told while that is not allowed.
  const auto look_until = [&](bool may_nudge, const std::function<bool()>& done) {
    const Deadline deadline = soon();
    while (!done() && clock_now() < deadline) {
      const auto due = memory.next_look();
      if (due && *due <= clock_now()) (void)memory.look(may_nudge, soon());
    }
    return done();
  };
  const Instant later = clock_now() + std::chrono::milliseconds(1500);
  CHECK(look_until(false, [&] { return clock_now() > later; }));
  CHECK(guest.told == 1);
  CHECK(look_until(true, [&] { return guest.told == 3; }));  // there and back
  CHECK(guest.wish == Bytes{64 * mib});
  CHECK(guest.size == Bytes{0});
  // Whoever waits for it to settle is not kept waiting by that.
  const auto state = memory.state(std::chrono::seconds(1), soon());
  REQUIRE(state.ok());
  CHECK(state->settled);
  CHECK(state->why.find("64Mi") != std::string::npos);
  guest.has_room = true;
  CHECK(look_until(true, [&] { return guest.size == Bytes{64 * mib}; }));
  CHECK(guest.wish == Bytes{64 * mib});
  CHECK(look_until(true, [&] { return !memory.next_look(); }));
}

TEST_CASE("a shrink that stands still is the guest's affair") {
  StubbornGuest guest;
  PluggableMemory memory(guest);
  guest.size = guest.wish = Bytes{64 * mib};
  CHECK(memory.look(true, soon()) == std::nullopt);
  CHECK(memory.on_event({"MEMORY_DEVICE_SIZE_CHANGE", R"({"id":"vm0","size":33554432})"})->memory == Bytes{32 * mib});
  CHECK_FALSE(memory.on_event({"STOP", "{}"}));
}

TEST_CASE("why memory is not there is said in a figure") {
  CHECK(why_not_there(Bytes{mib}, Bytes{mib}).empty());
  CHECK(why_not_there(Bytes{0}, Bytes{640 * mib}) == "640Mi are in use in the guest and cannot leave");
  CHECK(why_not_there(Bytes{gib}, Bytes{512 * mib}).find("has not taken 512Mi") != std::string::npos);
}

}  // namespace
}  // namespace neonvm::qemu
