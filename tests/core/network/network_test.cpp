// Devices, addresses, forwarding entries and their news in a real kernel.
#include <net/if.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "core/network/fdb.hpp"
#include "core/network/link_news.hpp"
#include "core/network/links.hpp"
#include "core/network/tap.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/own_namespace.hpp"

using namespace neonvm;
using namespace neonvm::network;
using tests::OwnNamespace;

namespace {

Netlink opened() {
  auto netlink = Netlink::open();
  REQUIRE(netlink.ok());
  return std::move(netlink).value();
}

template <typename T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(result).value();
}
void must(const Status& status) {
  if (!status) FAIL(status.error().message);
}

IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

// "02:…:01 10.0.0.2 permanent", sorted.
std::vector<std::string> forwarding(Netlink& netlink, int vxlan) {
  std::vector<std::string> lines;
  for (const FdbEntry& entry : must(fdb(netlink, vxlan))) {
    lines.push_back(to_string(entry.mac) + " " + to_string(entry.node) + (entry.permanent ? " permanent" : ""));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> addresses_of(Netlink& netlink, int link) {
  std::vector<std::string> lines;
  for (const LinkAddress& each : must(addresses(netlink)))
    if (each.link == link) lines.push_back(to_string(each.address) + "/" + std::to_string(each.prefix));
  std::sort(lines.begin(), lines.end());
  return lines;
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  REQUIRE(syscall(SYS_capset, &header, none) == 0);        // of this thread alone
}

}  // namespace

TEST_CASE("a bridge is made, found, changed and removed") {
  const OwnNamespace network;
  Netlink netlink = opened();
  must(may_change(netlink));
  const Link made = must(create_bridge(netlink, "neon-br0", 1450));
  CHECK(made.kind == "bridge");
  CHECK(made.mtu == 1450);
  CHECK_FALSE(made.up);
  must(set_up(netlink, made.index));
  must(set_mtu(netlink, made.index, 8950));
  const Link found = must(find_link(netlink, "neon-br0"));
  CHECK(found.index == made.index);
  CHECK(found.up);
  CHECK(found.mtu == 8950);
  CHECK(addresses_of(netlink, found.index).empty());       // not even fe80::
  CHECK(create_bridge(netlink, "neon-br0", 1450).error().code == Code::already_exists);
  must(remove_link(netlink, made.index));
  CHECK(find_link(netlink, "neon-br0").error().code == Code::not_found);
  CHECK(remove_link(netlink, made.index).error().code == Code::not_found);
}

TEST_CASE("names that no device can have are refused before the kernel is asked") {
  const OwnNamespace network;
  Netlink netlink = opened();
  for (const char* name : {"", "sixteen-letters-", "a/b", "a b", "..", "eth0:1"}) {
    CHECK(create_bridge(netlink, name, 0).error().code == Code::invalid_argument);
    CHECK(create_veth(netlink, "fine", name).error().code == Code::invalid_argument);
  }
}

TEST_CASE("a VXLAN has the id, port and address that were asked for") {
  const OwnNamespace network;
  Netlink netlink = opened();
  for (const char* local : {"192.0.2.7", "2001:db8::7"}) {
    const VxlanFacts facts{0xabcdef, 4790, ip(local), true};
    const Link made = must(create_vxlan(netlink, "vx0", facts, 1430));
    CHECK(made.kind == "vxlan");
    CHECK(made.mtu == 1430);
    CHECK((made.vxlan == facts));
    const Link bridge = must(create_bridge(netlink, "br0", 1430));
    must(set_master(netlink, made.index, bridge.index));
    CHECK(must(find_link(netlink, "vx0")).master == bridge.index);
    must(set_master(netlink, made.index, 0));
    CHECK(must(find_link(netlink, "vx0")).master == 0);
    must(remove_link(netlink, made.index));
    must(remove_link(netlink, bridge.index));
  }
  CHECK(create_vxlan(netlink, "vx0", {1U << 24, 4789, ip("192.0.2.7"), true}, 0).error().code == Code::invalid_argument);
}

TEST_CASE("flood entries are appended side by side, once each, and removed one by one") {
  const OwnNamespace network;
  Netlink netlink = opened();
  for (const std::string& net : {std::string("10.0.0."), std::string("fd00::")}) {
    const Link vxlan = must(create_vxlan(netlink, "vx0", {100, 4789, ip(net + "1"), true}, 1430));
    for (const char* node : {"2", "3", "2"}) must(append_fdb(netlink, vxlan.index, {{}, ip(net + node), true}));
    must(append_fdb(netlink, vxlan.index, {{2, 0, 0, 0, 0, 1}, ip(net + "3"), true}));
    CHECK(forwarding(netlink, vxlan.index) == std::vector<std::string>{"00:00:00:00:00:00 " + net + "2 permanent",
                                                                       "00:00:00:00:00:00 " + net + "3 permanent",
                                                                       "02:00:00:00:00:01 " + net + "3 permanent"});
    for (int i = 0; i < 2; ++i) must(remove_fdb(netlink, vxlan.index, {{}, ip(net + "2"), true}));
    CHECK(forwarding(netlink, vxlan.index).size() == 2);
    must(remove_link(netlink, vxlan.index));
  }
}

TEST_CASE("a thousand nodes are as many entries") {
  const OwnNamespace network;
  Netlink netlink = opened();
  const Link vxlan = must(create_vxlan(netlink, "vx0", {100, 4789, ip("10.0.0.1"), true}, 1430));
  for (std::uint32_t i = 0; i < 1000; ++i) must(append_fdb(netlink, vxlan.index, {{}, ipv4(0x0a010000 + i), true}));
  CHECK(must(fdb(netlink, vxlan.index)).size() == 1000);
}

TEST_CASE("addresses come and go") {
  const OwnNamespace network;
  Netlink netlink = opened();
  const Link bridge = must(create_bridge(netlink, "br0", 1450));
  const LinkAddress v4{bridge.index, ip("10.100.0.1"), 16}, v6{bridge.index, ip("fd00:100::1"), 64};
  must(add_address(netlink, v4));
  must(add_address(netlink, v6));
  CHECK(add_address(netlink, v4).error().code == Code::already_exists);
  CHECK(addresses_of(netlink, bridge.index) == std::vector<std::string>{"10.100.0.1/16", "fd00:100::1/64"});
  must(remove_address(netlink, v4));
  must(remove_address(netlink, v6));
  CHECK(addresses_of(netlink, bridge.index).empty());
  CHECK_FALSE(remove_address(netlink, v4).ok());
}

TEST_CASE("frames go from a tap through a bridge to another") {
  const OwnNamespace network;
  Netlink netlink = opened();
  const Link bridge = must(create_bridge(netlink, "br0", 1450));
  must(set_up(netlink, bridge.index));
  std::vector<int> fds;
  for (const char* name : {"tap-a", "tap-b"}) {
    const Link tap = must(create_tap(netlink, {name, getuid(), false}));
    CHECK(tap.kind == "tun");
    CHECK(create_tap(netlink, {name, 0, false}).error().code == Code::already_exists);
    must(set_master(netlink, tap.index, bridge.index));
    must(set_up(netlink, tap.index));
    fds.push_back(must(open_tap(name, false, false)));
  }
  std::string frame("\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5", 14);
  frame += std::string(46, 'x');
  std::string got;
  pollfd ready{fds[1], POLLIN, 0};
  for (int tries = 0; got != frame && tries < 500; ++tries) {  // a port takes frames once the kernel has seen its carrier
    REQUIRE(write(fds[0], frame.data(), frame.size()) == static_cast<ssize_t>(frame.size()));
    while (got != frame && poll(&ready, 1, 20) == 1) {     // others speak there, too
      got.resize(2048);
      got.resize(static_cast<std::size_t>(std::max<ssize_t>(0, read(fds[1], got.data(), got.size()))));
    }
  }
  CHECK(got == frame);
  for (const int fd : fds) close(fd);
  must(create_tap(netlink, {"tap-many", 65534, true}));
  const int first = must(open_tap("tap-many", true, true)), second = must(open_tap("tap-many", true, true));
  close(first);
  close(second);
  CHECK_FALSE(open_tap("tap-many", false, true).ok());
}

TEST_CASE("the kernel's news tell which devices and floods changed") {
  const OwnNamespace network;
  Netlink netlink = opened();
  LinkNews news = must(LinkNews::open());
  const Link vxlan = must(create_vxlan(netlink, "vx0", {100, 4789, ip("10.0.0.1"), true}, 1430));
  News heard = news.read();
  CHECK(heard.links == std::set<std::string>{"vx0"});
  CHECK_FALSE(heard.addresses);
  must(append_fdb(netlink, vxlan.index, {{}, ip("10.0.0.2"), true}));
  heard = news.read();
  CHECK(heard.floods.empty());
  must(remove_fdb(netlink, vxlan.index, {{}, ip("10.0.0.2"), true}));
  must(add_address(netlink, {vxlan.index, ip("10.100.0.1"), 16}));
  heard = news.read();
  CHECK(heard.floods == std::set<int>{vxlan.index});
  CHECK(heard.addresses);
  CHECK_FALSE(heard.all);
  CHECK(news.read().links.empty());
}

TEST_CASE("news that nobody read in time are told as everything") {
  const OwnNamespace network;
  Netlink netlink = opened();
  LinkNews news = must(LinkNews::open());
  const Link bridge = must(create_bridge(netlink, "br0", 1450));
  for (std::uint32_t i = 0; i < 2000; ++i) must(set_mtu(netlink, bridge.index, 1400 + i % 2));
  CHECK(news.read().all);
}

TEST_CASE("without the permission every deed says which one is lacking") {
  std::thread([] {
    const OwnNamespace network;
    Netlink netlink = opened();
    const Link bridge = must(create_bridge(netlink, "br0", 1450));
    std::thread([&] {
      drop_capabilities();
      CHECK(must(links(netlink)).size() == 2);             // looking is free
      for (const Status& status : {may_change(netlink), set_up(netlink, bridge.index), remove_link(netlink, bridge.index)}) {
        CHECK(status.error().code == Code::permission_denied);
        CHECK(status.error().message.find("needs CAP_NET_ADMIN") != std::string::npos);
      }
      CHECK(create_bridge(netlink, "br1", 0).error().code == Code::permission_denied);
      CHECK(create_tap(netlink, {"tap0", 0, false}).error().code == Code::permission_denied);
    }).join();
  }).join();
}
