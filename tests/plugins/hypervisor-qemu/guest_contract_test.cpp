// The contract with a guest that boots.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "plugins/hypervisor-qemu/unique_fd.hpp"
#include "tests/plugins/hypervisor-qemu/real_qemu.hpp"
#include "tests/support/catch.hpp"

namespace neonvm::qemu {
namespace {

using namespace neonvm::contracts;

HypervisorUnderTest make() { return contract_over(std::make_shared<RealQemu>()); }

TEST_CASE("QEMU fills slots") { hypervisor_fills_slots(make); }
TEST_CASE("QEMU moves memory") { hypervisor_moves_memory(make); }
TEST_CASE("QEMU hears the guest") { hypervisor_hears_the_guest(make); }
TEST_CASE("QEMU migrates") { hypervisor_migrates(make); }
TEST_CASE("QEMU carries disks") { hypervisor_carries_disks(make); }
TEST_CASE("QEMU keeps disks") { hypervisor_keeps_disks(make); }

// The guest echoes what comes to its port 7.
bool echoes(std::uint16_t port) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  if (::send(socket.get(), "hello", 5, MSG_NOSIGNAL) != 5) return false;
  pollfd wait{socket.get(), POLLIN, 0};
  std::array<char, 8> text{};
  return ::poll(&wait, 1, 20'000) == 1 && ::recv(socket.get(), text.data(), text.size(), 0) == 5 &&
         std::string(text.data(), 5) == "hello";
}

TEST_CASE("a forwarded port reaches the guest, from power-on or later, until it is removed") {
  const auto qemu = std::make_shared<RealQemu>();
  MachineSpec spec = qemu->machine("a", "a");
  const Port early{"", 7, free_port(), Protocol::tcp}, late{"", 7, free_port(), Protocol::tcp};
  spec.networks[0].forwards = {early};
  auto machine = must_start(qemu->door(), spec);
  REQUIRE(qemu->boots(spec));
  CHECK(echoes(early.host));
  CHECK_FALSE(echoes(late.host));
  REQUIRE(machine->add_forward(late, in_time()).ok());
  CHECK(echoes(late.host));
  REQUIRE(machine->remove_forward(late, in_time()).ok());
  CHECK_FALSE(echoes(late.host));
  // Taken by this very machine: refused, with the port in the words.
  MachineSpec other = qemu->machine("b", "b");
  other.networks[0].forwards = {early};
  const auto refused = qemu->door().start(other, in_time());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find(std::to_string(early.host)) != std::string::npos);
  CHECK(machine->kill(in_time()).ok());
}

}  // namespace
}  // namespace neonvm::qemu
