#include "core/wire/dhcp.hpp"

#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

namespace {

const DhcpMac mac{2, 0, 0, 0, 0, 5};

DhcpLease lease() {
  DhcpLease lease;
  lease.mac = mac;
  lease.address = parse_ip("169.254.254.254").value();
  lease.server = parse_ip("169.254.254.253").value();
  lease.name_server = lease.server;
  lease.host_name = "web";
  lease.mtu = 1450;
  return lease;
}

// A client's packet with these options.
std::string asks(const std::string& options, const DhcpMac& from = mac) {
  std::string packet("\x01\x01\x06\0\xde\xad\xbe\xef\0\x03\x80\0", 12);
  packet.resize(28, '\0');
  for (const std::uint8_t each : from) packet += static_cast<char>(each);
  packet.resize(236, '\0');
  return packet + "\x63\x82\x53\x63" + options;
}

std::string option(char code, const std::string& value) { return std::string{code, static_cast<char>(value.size())} + value; }
const std::string discover = option(53, "\x01"), request = option(53, "\x03"), last = "\xff";
const std::string ours("\xa9\xfe\xfe\xfe"), theirs("\x0a\x00\x02\x0f", 4), server("\xa9\xfe\xfe\xfd");

std::optional<std::string> answer(const std::string& packet) {
  const auto question = decode_dhcp(packet);
  return question ? answer_dhcp(*question, lease()) : std::nullopt;
}

// "2" for an offer, "5" and "6" for yes and no; "-": nothing.
std::string kind(const std::optional<std::string>& packet) {
  return packet ? std::to_string((*packet)[242]) : "-";
}

}  // namespace

TEST_CASE("an offer says all that a client has to know") {
  const auto offer = answer(asks(discover + last));
  REQUIRE(offer);
  CHECK(offer->substr(0, 12) == std::string("\x02\x01\x06\0\xde\xad\xbe\xef\0\0\x80\0", 12));  // its id and flags come back
  CHECK(offer->substr(16, 4) == ours);
  CHECK(offer->substr(28, 6) == std::string("\x02\0\0\0\0\x05", 6));
  const std::string options = offer->substr(240);
  CHECK(options.starts_with(option(53, "\x02") + option(54, server) + option(51, "\xff\xff\xff\xff") + option(1, "\xff\xff\xff\xfc") + option(3, server) +
                            option(6, server) + option(12, "web") + option(26, "\x05\xaa") + last));
  CHECK(offer->size() == 300);
}

TEST_CASE("who asks for the address gets it, and no other") {
  CHECK(kind(answer(asks(request + option(50, ours) + option(54, server) + last))) == "5");
  CHECK(kind(answer(asks(request + option(50, ours) + last))) == "5");        // after a reboot
  CHECK(kind(answer(asks(request + option(50, theirs) + last))) == "6");      // came from another network
  CHECK(kind(answer(asks(request + option(50, ours) + option(54, theirs) + last))) == "-");  // took another server's offer
  std::string renewal = asks(request + last);
  renewal.replace(12, 4, ours);
  CHECK(kind(answer(renewal)) == "5");
  CHECK(kind(answer(asks(discover + last, {2, 0, 0, 0, 0, 6}))) == "-");
  const auto informed = answer(asks(option(53, "\x08") + last));
  CHECK(kind(informed) == "5");
  CHECK(informed->substr(16, 4) == std::string(4, '\0'));
  CHECK(informed->find(option(51, "\xff\xff\xff\xff")) == std::string::npos);
  for (const char* other : {"\x02", "\x04", "\x05", "\x06", "\x07", "\x09"}) CHECK(kind(answer(asks(option(53, other) + last))) == "-");
}

TEST_CASE("a MAC address") {
  CHECK(*parse_mac("02:00:5e:10:0a:fF") == DhcpMac{2, 0, 0x5e, 0x10, 0x0a, 0xff});
  for (const char* bad : {"", "02:00:5e:10:0a", "02:00:5e:10:0a:ff:", "02-00-5e-10-0a-ff", "02:00:5e:10:0a:fg", " 2:00:5e:10:0a:ff", "2:0:5e:10:0a:ff:1"}) {
    INFO(bad);
    CHECK(parse_mac(bad).error().code == Code::invalid_argument);
  }
}

TEST_CASE("what is no request has no answer") {
  const std::string good = asks(discover + last);
  for (std::size_t size = 0; size < good.size() - 1; ++size) CHECK_FALSE(answer(good.substr(0, size)));
  CHECK(answer(good.substr(0, good.size() - 1)));                            // without the end
  for (const std::size_t at : {0U, 1U, 2U, 236U}) {
    std::string bad = good;
    bad[at] = '\x7f';
    CHECK_FALSE(decode_dhcp(bad));
  }
  CHECK_FALSE(decode_dhcp(asks(last + discover)));
  CHECK_FALSE(decode_dhcp(asks(discover + std::string("\x32\xff\x01", 3))));
  CHECK(decode_dhcp(asks(std::string("\0\0", 2) + discover)));
}
