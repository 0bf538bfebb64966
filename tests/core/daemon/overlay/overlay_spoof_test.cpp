// A VM speaks for itself in the overlay, and for nobody else: real frames into a port's tap, and what comes out on the other node.
#include <map>

#include "tests/core/daemon/overlay/port_town.hpp"

using namespace neonvm;
using namespace neonvm::lab;

namespace {

const std::string own_mac("\x02\0\0\0\0\x65", 6), other_mac("\x02\0\0\0\0\x66", 6);
const std::string own_ip("\x0a\x64\x80\x05", 4), other_ip("\x0a\x64\x80\x06", 4), no_ip(4, '\0');
const std::string own_half("\0\0\0\xff\xfe\0\0\x65", 8), other_half("\0\0\0\xff\xfe\0\0\x66", 8);
const std::string link_local("\xfe\x80\0\0\0\0\0\0", 8), elsewhere("\xfd\0\0\1\0\0\0\0", 8);
const std::string own_folder = "default_evil-a_020000000065_10.100.128.5";

std::string ethernet(const std::string& from, const char* type, const std::string& body) { return std::string(6, '\xff') + from + std::string(type, 2) + body; }

std::string arp(const std::string& mac, const std::string& ip, const std::string& word) {
  return std::string("\0\1\x08\0\6\4\0\1", 8) + mac + ip + std::string(6, '\0') + std::string("\x0a\x64\x80\x09", 4) + word;
}

std::string ipv4(const std::string& from, const std::string& word) {
  std::string header{0x45, 0, 0, static_cast<char>(20 + word.size()), 0, 0, 0, 0, 64, '\xfd', 0, 0};
  header += from + std::string("\x0a\x64\x80\x09", 4);
  unsigned sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2) sum += static_cast<unsigned>(static_cast<std::uint8_t>(header[i]) << 8 | static_cast<std::uint8_t>(header[i + 1]));
  sum = ~((sum & 0xffff) + (sum >> 16));
  header[10] = static_cast<char>(sum >> 8);
  header[11] = static_cast<char>(sum);
  return header + word;
}

std::string ipv6(const std::string& from, char protocol, const std::string& payload) {
  return std::string("\x60\0\0\0\0", 5) + static_cast<char>(payload.size()) + protocol + '\xff' + from + std::string("\xff\2", 2) + std::string(13, '\0') + '\1' + payload;
}

// An answer of ND: at whose address somebody is.
std::string advert(const std::string& from, const std::string& about, const std::string& word) {
  return ipv6(from, 58, std::string("\x88\0\0\0\0\0\0\0", 8) + about + word);
}

std::map<std::string, std::string> honest() {
  return {{"arp", ethernet(own_mac, "\x08\x06", arp(own_mac, own_ip, "<arp>"))},
          {"probe", ethernet(own_mac, "\x08\x06", arp(own_mac, no_ip, "<probe>"))},
          {"rarp", ethernet(own_mac, "\x80\x35", arp(own_mac, no_ip, "<rarp>"))},
          {"ipv4", ethernet(own_mac, "\x08\x00", ipv4(own_ip, "<ipv4>"))},
          {"link-local", ethernet(own_mac, "\x86\xdd", ipv6(link_local + own_half, '\xfd', "<link-local>"))},
          {"prefix", ethernet(own_mac, "\x86\xdd", ipv6(elsewhere + own_half, '\xfd', "<prefix>"))},
          {"answer", ethernet(own_mac, "\x86\xdd", advert(link_local + own_half, link_local + own_half, "<answer>"))}};
}

std::map<std::string, std::string> pretended() {
  return {{"card", ethernet(other_mac, "\x08\x00", ipv4(own_ip, "<card>"))},
          {"other ipv4", ethernet(own_mac, "\x08\x00", ipv4(other_ip, "<other ipv4>"))},
          {"other arp", ethernet(own_mac, "\x08\x06", arp(own_mac, other_ip, "<other arp>"))},
          {"arp card", ethernet(own_mac, "\x08\x06", arp(other_mac, own_ip, "<arp card>"))},
          {"other ipv6", ethernet(own_mac, "\x86\xdd", ipv6(link_local + other_half, '\xfd', "<other ipv6>"))},
          {"other answer", ethernet(own_mac, "\x86\xdd", advert(link_local + own_half, link_local + other_half, "<other answer>"))},
          {"router", ethernet(own_mac, "\x86\xdd", ipv6(link_local + own_half, 58, std::string("\x86\0\0\0", 4) + "<router>"))},
          {"vlan", ethernet(own_mac, "\x81\x00", std::string("\0\7\x08\0", 4) + ipv4(other_ip, "<vlan>"))},
          {"strange", ethernet(own_mac, "\x88\xb5", "<strange>")}};
}

// Which of them came, by the time that one more is there, which may pass in any case.
std::string arrived(const Pod& from, const Pod& to, const std::map<std::string, std::string>& frames, const std::string& last) {
  for (const auto& [name, frame] : frames) from.send(frame);
  from.send(ethernet(own_mac, "\x08\x00", ipv4(own_ip, last)));
  std::string seen;
  for (const Deadline end = soon(); std::chrono::steady_clock::now() < end && seen.find(last) == std::string::npos;) seen += to.next_frame();
  REQUIRE(seen.find(last) != std::string::npos);
  std::string names;
  for (const auto& [name, frame] : frames)
    if (seen.find("<" + name + ">") != std::string::npos) names += name + " ";
  return names;
}

const std::string all_honest = "answer arp ipv4 link-local prefix probe rarp ";

std::string guard_of(const Machine& node) { return node.host().run("nft list table bridge neonvm_ports_100 2>&1 || true"); }

}  // namespace

TEST_CASE("from a VM's port come its own card and addresses, and no others") {
  PortTown town;
  town.start();
  Pod evil(town.folder1, own_folder), watcher(town.folder2, "default_watcher-a");
  evil.plug();
  watcher.plug();
  CHECK(arrived(evil, watcher, honest(), "<1>") == all_honest);
  CHECK(arrived(evil, watcher, pretended(), "<2>").empty());
  evil.end();
  until([&] { return guard_of(town.one).find("02:00:00:00:00:65") == std::string::npos; }, "with the port goes what guards it");
}

TEST_CASE("where ports are open a VM may say what it likes") {
  PortTown town;
  town.start(true);
  Pod evil(town.folder1, own_folder), watcher(town.folder2, "default_watcher-a");
  evil.plug();
  watcher.plug();
  CHECK(arrived(evil, watcher, pretended(), "<1>") == "arp card card other answer other arp other ipv4 other ipv6 router strange vlan ");
  CHECK(guard_of(town.one).find("No such file") != std::string::npos);
}

TEST_CASE("the guard is there without the daemon, with its successor, and again when somebody took it away") {
  PortTown town;
  town.start();
  Pod evil(town.folder1, own_folder), watcher(town.folder2, "default_watcher-a");
  evil.plug();
  watcher.plug();
  town.one.stop_daemon();
  CHECK(arrived(evil, watcher, pretended(), "<1>").empty());
  town.one.start_daemon(town.ports_of_one());
  CHECK(arrived(evil, watcher, pretended(), "<2>").empty());
  Pod late(town.folder1, "default_late-a_020000000067_10.100.128.7");
  late.plug();
  CHECK(arrived(evil, watcher, pretended(), "<3>").empty());
  (void)town.one.host().run("nft delete table bridge neonvm_ports_100");
  until([&] { return guard_of(town.one).find("02:00:00:00:00:65") != std::string::npos; }, "it is back");
  CHECK(arrived(evil, watcher, pretended(), "<4>").empty());
  CHECK(arrived(evil, watcher, honest(), "<5>") == all_honest);
}

TEST_CASE("a VM that comes to another node may say there what it might before") {
  PortTown town;
  town.start();
  Pod source(town.folder1, own_folder), target(town.folder2, "default_evil-b_020000000065_10.100.128.5"), watcher(town.folder1, "default_watcher-a");
  source.plug();
  watcher.plug();
  target.plug();
  source.end();
  CHECK(arrived(target, watcher, honest(), "<1>") == all_honest);
  CHECK(arrived(target, watcher, pretended(), "<2>").empty());
}

TEST_CASE("a folder that says something else than whose it is gets no port") {
  PortTown town;
  town.start();
  Pod strange(town.folder1, "default_x-a_0200000000_10.100.128.5"), good(town.folder1, own_folder);
  good.plug();
  CHECK(strange.ask().why.find("No such file") != std::string::npos);
}
