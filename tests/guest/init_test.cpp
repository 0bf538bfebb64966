// The parts of init that are pure; what it does as PID 1 is tested in a real guest (tests/guest/vm).
#include <arpa/inet.h>

#include "guest/init/modules.hpp"
#include "guest/init/network_up.hpp"
#include "guest/init/root_switch.hpp"
#include "guest/init/service.hpp"
#include "guest/storage.hpp"
#include "tests/guest/support.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::guest;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;

namespace {

std::uint32_t address(const char* text) {
  in_addr in{};
  REQUIRE(::inet_pton(AF_INET, text, &in) == 1);
  return in.s_addr;
}

}  // namespace

TEST_CASE("a service that fails at once is started again ever more slowly") {
  RestartPace pace;
  CHECK(pace.after_run(0ms) == 100ms);
  CHECK(pace.after_run(0ms) == 200ms);
  CHECK(pace.after_run(9s) == 400ms);
  for (int i = 0; i < 10; ++i) (void)pace.after_run(1ms);
  CHECK(pace.after_run(1ms) == 5s);
  CHECK(pace.after_run(10s) == 100ms);
}

TEST_CASE("the list of modules") {
  CHECK(module_list("# first\n/a.ko\n\n  /b.ko  \n/c d.ko") == Texts{"/a.ko", "/b.ko", "/c d.ko"});
  CHECK(module_list("").empty());
  CHECK(load_modules("/no/such/list") == 0);
}

TEST_CASE("what is unmounted at the end is on real storage, deepest first") {
  const char* mounts =
      "proc /proc proc rw 0 0\n/dev/vda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/vdb /data ext4 rw 0 0\n"
      "/dev/vdc /data/with\\040blank ext4 rw 0 0\n";
  CHECK(storage_mounts(mounts) == Texts{"/data/with blank", "/data", "/"});
  CHECK(storage_mounts("/dev/vda").empty());
  CHECK(storage_mounts("/dev/vda /end\\04\n") == Texts{"/end\\04"});
}

TEST_CASE("an address plan") {
  const auto usual = parse_address_plan(user_network);
  REQUIRE(usual);
  CHECK(usual->address == address("10.0.2.15"));
  CHECK(usual->mask == address("255.255.255.0"));
  CHECK(usual->gateway == address("10.0.2.2"));
  CHECK(usual->dns == address("10.0.2.3"));
  CHECK(parse_address_plan("dhcp")->dhcp);
  CHECK(parse_address_plan("none")->none);
  const auto alone = parse_address_plan("192.168.0.7/32");
  REQUIRE(alone);
  CHECK(alone->gateway == 0);
  for (const char* bad : {"", "10.0.2.15", "10.0.2.15/0", "10.0.2.15/33", "10.0.2/24", "10.0.2.15/24,x", "10.0.2.15/24,1.1.1.1,2.2.2.2,3",
                          "host/24", "10.0.2.15/24,,8.8.8.8"}) {
    INFO(bad);
    const auto plan = parse_address_plan(bad);
    REQUIRE_FALSE(plan);
    CHECK(plan.error().message.find("give ADDRESS/PREFIX") != std::string::npos);
  }
}

TEST_CASE("a card with an address of its own is told by the kernel's ip= parameter") {
  const auto plan = parse_card_plan("10.100.128.7:::255.255.0.0:web:eth1:off");
  REQUIRE(plan);
  CHECK(plan->card == "eth1");
  CHECK(plan->plan.address == address("10.100.128.7"));
  CHECK(plan->plan.mask == address("255.255.0.0"));
  CHECK(plan->plan.gateway == 0);
  CHECK(parse_card_plan("10.0.0.2::10.0.0.1:255.0.0.0::eth2:off:8.8.8.8")->plan.gateway == address("10.0.0.1"));
  for (const char* not_ours : {"", "dhcp", "off", ":::::eth0:dhcp", "10.0.0.2:::255.0.0.0:web", "10.0.0.2:::x:web:eth1:off", "0.0.0.0:::255.0.0.0:web:eth1:off"}) {
    INFO(not_ours);
    CHECK_FALSE(parse_card_plan(not_ours));
  }
}

TEST_CASE("the first card is one with a device behind it") {
  const TempDir sys;
  CHECK_FALSE(first_card(sys.path("net")));
  sys.write("net/lo/mtu", "1\n");
  sys.write("net/br0/mtu", "1\n");
  CHECK_FALSE(first_card(sys.path("net")));
  sys.write("net/eth1/device/vendor", "x\n");
  sys.write("net/eth0/device/vendor", "x\n");
  CHECK(first_card(sys.path("net")) == "eth0");
}

TEST_CASE("the resolver's file") {
  const TempDir etc;
  etc.write("resolv.conf", "");
  REQUIRE(write_resolver(*parse_address_plan(user_network), etc.path("resolv.conf")));
  CHECK(etc.read("resolv.conf") == "nameserver 10.0.2.3\n");
  CHECK(write_resolver(*parse_address_plan("10.0.0.1/8"), etc.path("no/such/folder")));
}

TEST_CASE("the disk to boot") {
  const auto plan = plan_root(KernelCmdline("root=/dev/vda ro init=/my/init"));
  REQUIRE(plan);
  CHECK(plan->device == "/dev/vda");
  CHECK(plan->type.empty());
  CHECK(plan->read_only);
  CHECK(plan->inits.front() == "/my/init");
  CHECK_FALSE(plan_root(KernelCmdline("root=/dev/vda ro rw"))->read_only);
  CHECK(plan_root(KernelCmdline("root=/dev/vda rootfstype=erofs"))->type == "erofs");
  const auto refused = plan_root(KernelCmdline("root=UUID=1-2"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == "root=UUID=1-2: give a device, like root=/dev/vda");
}

TEST_CASE("a disk says which file system it holds") {
  const auto with = [](std::size_t offset, std::string_view magic) {
    std::string beginning(2048, '\0');
    return beginning.replace(offset, magic.size(), magic);
  };
  CHECK(file_system_in(with(1080, "\x53\xef")) == "ext4");
  CHECK(file_system_in(with(1024, "\xe2\xe1\xf5\xe0")) == "erofs");
  CHECK(file_system_in(with(0, "hsqs")) == "squashfs");
  CHECK(file_system_in(with(0, "")).empty());
  CHECK(file_system_in(std::string_view("\xe2\xe1")).empty());
  CHECK(file_system_on("/no/such/device").empty());
}

TEST_CASE("how a process ended, in words") {
  CHECK(text_of_end(3 << 8) == "ended with code 3");
  CHECK(text_of_end(9) == "was killed by signal 9");
}
