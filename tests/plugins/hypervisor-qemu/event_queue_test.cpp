#include "plugins/hypervisor-qemu/event_queue.hpp"

#include "plugins/hypervisor-qemu/clock.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

MachineEvent memory_at(std::uint64_t bytes) { return {MachineEventKind::memory_changed, Bytes{bytes}, {}, ""}; }
MachineEvent cpus(const char* why) { return {MachineEventKind::cpus_changed, {}, {}, why}; }

TEST_CASE("of what only tells where something stands the newest stays") {
  EventQueue queue;
  for (std::uint64_t i = 0; i < 10'000; ++i) queue.push(memory_at(i));
  CHECK(queue.pop(clock_now())->memory == Bytes{9'999});
  CHECK_FALSE(queue.pop(clock_now()));
}

TEST_CASE("a refusal is not hidden by a later success") {
  EventQueue queue;
  queue.push(cpus(""));
  queue.push(cpus("cpu2: refused"));
  queue.push(cpus(""));
  CHECK(queue.pop(clock_now())->why == "cpu2: refused");
  CHECK(queue.pop(clock_now())->why.empty());
  CHECK_FALSE(queue.pop(clock_now()));
}

TEST_CASE("gone comes after all others, for ever, with the first reason") {
  EventQueue queue;
  queue.push({MachineEventKind::powered_off, {}, {}, "quit"});
  queue.end("quit");
  queue.end("another");
  CHECK(queue.pop(clock_now())->kind == MachineEventKind::powered_off);
  for (int i = 0; i < 3; ++i) {
    const auto event = queue.pop(clock_now() + std::chrono::hours(1));
    REQUIRE(event);
    CHECK(event->kind == MachineEventKind::gone);
    CHECK(event->why == "quit");
  }
}

TEST_CASE("nobody who asks keeps it small") {
  EventQueue queue;
  for (int i = 0; i < 5'000; ++i) queue.push({i % 2 == 0 ? MachineEventKind::paused : MachineEventKind::resumed, {}, {}, ""});
  std::size_t kept = 0;
  std::optional<MachineEvent> last;
  while (auto event = queue.pop(clock_now())) {
    last = event;
    ++kept;
  }
  CHECK(kept <= 256);
  REQUIRE(last);
  CHECK(last->kind == MachineEventKind::resumed);
}

}  // namespace
}  // namespace neonvm::qemu
