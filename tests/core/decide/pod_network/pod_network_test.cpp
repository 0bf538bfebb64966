#include "core/decide/pod_network.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::decide;

namespace {

PodNetworkFacts facts() {
  PodNetworkFacts facts;
  facts.uplink = "eth0";
  facts.pod = parse_ip("10.244.1.7").value();
  facts.name_server = parse_ip("10.96.0.10").value();
  facts.ports = {{"pg", 5432, 0, Protocol::tcp}, {"web", 8080, 0, Protocol::tcp}, {"dns", 53, 0, Protocol::udp}};
  facts.egress = true;
  return facts;
}

bool has(const std::string& rules, const std::string& line) { return rules.find(line) != std::string::npos; }

}  // namespace

TEST_CASE("the guest's ports are the pod's, by protocol") {
  const std::string rules = pod_network_rules(facts());
  CHECK(has(rules, "    ip daddr 10.244.1.7 tcp dport { 5432, 8080 } dnat to 169.254.254.254\n"));
  CHECK(has(rules, "    ip daddr 10.244.1.7 udp dport { 53 } dnat to 169.254.254.254\n"));
  CHECK(has(rules, "    ip daddr { 127.0.0.1, 10.244.1.7 } tcp dport { 5432, 8080 } dnat to 169.254.254.254\n"));
  PodNetworkFacts closed = facts();
  closed.ports.clear();
  closed.name_server.reset();
  CHECK_FALSE(has(pod_network_rules(closed), "dnat to"));
}

TEST_CASE("what a guest may reach") {
  CHECK(has(pod_network_rules(facts()), "    iifname \"tap-def\" oifname \"eth0\" accept\n"));
  CHECK(has(pod_network_rules(facts()), "    iifname \"tap-def\" ip daddr 169.254.254.253 udp dport 53 dnat to 10.96.0.10\n"));
  PodNetworkFacts shut = facts();
  shut.egress = false;
  CHECK_FALSE(has(pod_network_rules(shut), "oifname \"eth0\" accept"));
  CHECK(has(pod_network_rules(shut), "policy drop;"));
}

TEST_CASE("the rules replace the table that was there") {
  CHECK(pod_network_rules(facts()).starts_with("table ip neonvm_pod {}\ndelete table ip neonvm_pod\ntable ip neonvm_pod {\n"));
}

TEST_CASE("the name server of a resolv.conf") {
  const auto found = [](const char* text) { return name_server_in(text); };
  CHECK(found("search a.b\nnameserver 10.96.0.10\nnameserver 10.96.0.11\n") == parse_ip("10.96.0.10").value());
  CHECK(found("nameserver fd00::1\nnameserver\t 10.0.0.2  \n") == parse_ip("10.0.0.2").value());
  CHECK(found("# nameserver 10.0.0.2\nnameservers 10.0.0.3\nnameserver\nnameserver x\nnameserver 10.0.0.4") == parse_ip("10.0.0.4").value());
  CHECK_FALSE(found(""));
}

TEST_CASE("the guest's init is told its address") {
  CHECK(pod_network_parameter() == "neonvm.ip=169.254.254.254/30,169.254.254.253,169.254.254.253");
}
