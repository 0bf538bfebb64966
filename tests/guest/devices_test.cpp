// What the kernel tells of devices that come: uevents, memory blocks, the port to the host.
#include "guest/host_link.hpp"
#include "guest/memory_blocks.hpp"
#include "guest/uevents.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::string_literals;

TEST_CASE("a uevent") {
  const auto event = parse_uevent("add@/devices/system/cpu/cpu3\0ACTION=add\0DEVPATH=/devices/system/cpu/cpu3\0SUBSYSTEM=cpu\0SEQNUM=7\0"s);
  REQUIRE(event);
  CHECK(event->action == "add");
  CHECK(event->subsystem == "cpu");
  CHECK(*device_number(event->path, "cpu") == 3);
  CHECK_FALSE(device_number(event->path, "memory"));
  CHECK_FALSE(device_number("/devices/system/cpu/cpufreq", "cpu"));
  for (const std::string& bad : {""s, "\0\0\0"s, "ACTION=add\0DEVPATH=/x"s, "libudev\0\xfe\xed"s}) CHECK_FALSE(parse_uevent(bad));
}

TEST_CASE("memory blocks that are off are switched on, movable") {
  const TempDir sys;
  sys.write("memory0/state", "online\n");
  sys.write("memory40/state", "offline\n");
  sys.write("block_size_bytes", "8000000\n");
  const MemoryBlocks blocks(sys.path());
  CHECK(blocks.switch_all_on().empty());
  CHECK(sys.read("memory40/state").starts_with("online_movable"));
  CHECK(sys.read("memory0/state") == "online\n");
  const auto gone = blocks.switch_on(41);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message.find("memory41/state") != std::string::npos);
}

TEST_CASE("the port is found by its name") {
  const TempDir sys;
  const auto none = find_port("tech.neon.guest.0", sys.path("none"), "/dev");
  REQUIRE_FALSE(none);
  CHECK(none.error().message == "no virtio-serial port is named tech.neon.guest.0");
  sys.write("vport0p1/name", "org.qemu.guest_agent.0\n");
  sys.write("vport1p3/name", "tech.neon.guest.0\n");
  std::filesystem::create_directories(sys.path("vport1p4"));
  CHECK(*find_port("tech.neon.guest.0", sys.path(), "/dev") == "/dev/vport1p3");
}
