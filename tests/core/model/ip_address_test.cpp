// Addresses as text, bytes and numbers.
#include "core/model/ip_address.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;

namespace {

std::string again(const std::string& text) {
  const auto address = parse_ip(text);
  return address ? to_string(*address) : address.error().message;
}

std::string network(const std::string& text) {
  const auto found = parse_network(text);
  return found ? to_string(*found) + " to " + to_string(found->last) : found.error().message;
}

IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

}  // namespace

TEST_CASE("addresses are read and written") {
  CHECK(again("10.100.128.0") == "10.100.128.0");
  CHECK(again("FD00:0:0::1") == "fd00::1");
  CHECK(again("::ffff:10.0.0.1") == "::ffff:10.0.0.1");
  for (const char* wrong : {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", "fd00::1%eth0", "fd00:::1", "1.2.3.4.5"}) {
    CHECK(again(wrong) == "\"" + std::string(wrong) + "\" is not an IPv4 or IPv6 address");
  }
  CHECK_FALSE(parse_ip(std::string_view("10.0.0.1\0x", 10)).ok());
  CHECK(ip_from(IpFamily::v6, bytes_of(ip("fd00:1:2:3:4:5:6:7")).data()) == ip("fd00:1:2:3:4:5:6:7"));
  CHECK(bytes_of(ip("10.1.2.3"))[3] == 3);
}

TEST_CASE("networks are read with what lies beyond the prefix cut off") {
  CHECK(network("10.100.7.9/16") == "10.100.0.0/16 to 10.100.255.255");
  CHECK(network("0.0.0.0/0") == "0.0.0.0/0 to 255.255.255.255");
  CHECK(network("10.1.2.3/32") == "10.1.2.3/32 to 10.1.2.3");
  CHECK(network("fd00:1:2:3:4:5:6:7/64") == "fd00:1:2:3::/64 to fd00:1:2:3:ffff:ffff:ffff:ffff");
  CHECK(network("fd00:1:2:3:4::/48") == "fd00:1:2::/48 to fd00:1:2:ffff:ffff:ffff:ffff:ffff");
  CHECK(network("::/0") == "::/0 to ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  for (const char* wrong : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1", "fd00::/129", "/8", "10.0.0.0/256"}) {
    CHECK(network(wrong) == "\"" + std::string(wrong) + "\" is not a range like 10.100.0.0/16");
  }
  CHECK(netmask(IpFamily::v4, 16) == "255.255.0.0");
  CHECK(netmask(IpFamily::v4, 0) == "0.0.0.0");
  CHECK(netmask(IpFamily::v6, 64) == "ffff:ffff:ffff:ffff::");
}

TEST_CASE("neighbours and distances, also across the middle of an IPv6 address") {
  CHECK(next(ip("10.0.0.255")) == ip("10.0.1.0"));
  CHECK(previous(ip("10.0.1.0")) == ip("10.0.0.255"));
  CHECK(next(ip("fd00::ffff:ffff:ffff:ffff")) == ip("fd00:0:0:1::"));
  CHECK(previous(ip("fd00:0:0:1::")) == ip("fd00::ffff:ffff:ffff:ffff"));
  CHECK_FALSE(next(ip("255.255.255.255")).has_value());
  CHECK_FALSE(next(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")).has_value());
  CHECK_FALSE(previous(ip("0.0.0.0")).has_value());
  CHECK_FALSE(previous(ip("::")).has_value());
  CHECK(distance(ip("10.100.0.0"), ip("10.100.128.0")) == 32768);
  CHECK(distance(ip("fd00::ffff:ffff:ffff:fff0"), ip("fd00:0:0:1::1")) == 17);
  CHECK_FALSE(distance(ip("fd00::"), ip("fd00:0:0:1::")).has_value());
  CHECK_FALSE(distance(ip("10.0.0.1"), ip("10.0.0.0")).has_value());
  CHECK_FALSE(distance(ip("10.0.0.1"), ip("::1")).has_value());
  CHECK(plus(ip("10.100.0.0"), 32768) == ip("10.100.128.0"));
  CHECK(plus(ip("fd00::ffff:ffff:ffff:fff0"), 17) == ip("fd00:0:0:1::1"));
  CHECK_FALSE(plus(ip("255.255.255.0"), 256).has_value());
  CHECK_FALSE(plus(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 1).has_value());
  CHECK(ip("255.255.255.255") < ip("::"));
}
