// What nftables is told of ports; that it holds is tests/core/daemon/overlay's to see.
#include "core/decide/port_guard.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

GuardedPort port(const std::string& mac, const std::string& address) { return {mac, parse_ip(address).value()}; }

std::string chain_in(const std::string& rules, const std::string& device) {
  const std::size_t begin = rules.find("  chain " + device + " {\n");
  return begin == std::string::npos ? "" : rules.substr(begin, rules.find("  }\n", begin) - begin);
}

}  // namespace

TEST_CASE("ports: each has a chain of its own, which ends with a drop, and does not depend on the others") {
  const GuardedPort web = port("02:00:00:00:00:65", "10.100.128.5"), db = port("02:00:00:00:00:66", "fd00:100::6");
  const std::string one = port_rules(100, {{"nvma", web}}), two = port_rules(100, {{"nvma", web}, {"nvmb", db}});
  CHECK(chain_in(one, "nvma") == chain_in(two, "nvma"));
  CHECK(chain_in(one, "nvmb").empty());
  for (const char* device : {"nvma", "nvmb"}) {
    const std::string chain = chain_in(two, device);
    CHECK(chain.substr(chain.size() - 9) == "    drop\n");
    CHECK(chain.find("    ether saddr != 02:00:00:00:00:6") == chain.find('\n') + 1);
  }
  CHECK(chain_in(two, "nvma").find("    ip saddr 10.100.128.5 accept\n") != std::string::npos);
  CHECK(chain_in(two, "nvma").find("@nh,128,64 0x000000fffe000065 accept") != std::string::npos);
  CHECK(chain_in(two, "nvmb").find("    ip saddr ") == std::string::npos);
  CHECK(chain_in(two, "nvmb").find("@th,64,128 0xfd000100000000000000000000000006 accept") != std::string::npos);
  CHECK(two.find(R"(iifname vmap { "nvma" : goto nvma, "nvmb" : goto nvmb })") != std::string::npos);
}

TEST_CASE("ports: the table is replaced as a whole, and where nobody is guarded nothing is looked up") {
  CHECK(port_rules(7, {}).starts_with("table bridge neonvm_ports_7\ndelete table bridge neonvm_ports_7\ntable bridge neonvm_ports_7 {\n"));
  CHECK(port_rules(7, {}).find("vmap") == std::string::npos);
  CHECK(no_port_rules(7) == "table bridge neonvm_ports_7\ndelete table bridge neonvm_ports_7\n");
}
