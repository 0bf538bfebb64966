#include "core/wire/dhcp.hpp"

#include <charconv>

namespace neonvm::wire {
namespace {

// RFC 2131 §2: op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file, then the options.
constexpr std::size_t at_id = 4, at_seconds = 8, at_flags = 10, at_client = 12, at_relay = 24, at_mac = 28, at_cookie = 236, at_options = 240;
constexpr std::size_t least_packet = 300;              // what BOOTP's relays and some clients insist on (RFC 1542 §2.1)
constexpr std::string_view cookie = "\x63\x82\x53\x63";
constexpr std::uint8_t boot_request = 1, boot_reply = 2, ethernet = 1;

enum class Option : std::uint8_t {
  pad = 0, mask = 1, router = 3, name_server = 6, host_name = 12, mtu = 26, wanted = 50, lease = 51, kind = 53, server = 54, end = 255
};

std::uint8_t octet(std::string_view packet, std::size_t at) { return static_cast<std::uint8_t>(packet[at]); }
std::uint32_t octets(std::string_view packet, std::size_t at, std::size_t bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | octet(packet, at + i);
  return value;
}
IpAddress ip_at(std::string_view packet, std::size_t at) { return ipv4(octets(packet, at, 4)); }

std::string bytes(std::uint32_t value, std::size_t count) {
  std::string text(count, '\0');
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>(value >> (8 * (count - 1 - i)) & 0xff);
  return text;
}
std::string bytes(const IpAddress& address) { return bytes(static_cast<std::uint32_t>(address.low), 4); }

void put(std::string& packet, Option option, const std::string& value) {
  packet += static_cast<char>(option);
  packet += static_cast<char>(value.size());
  packet += value;
}

// False: an option runs out of the packet.
bool read_options(std::string_view options, DhcpQuestion& question, bool& has_kind) {
  while (!options.empty()) {
    const Option option{octet(options, 0)};
    if (option == Option::end) return true;
    options.remove_prefix(1);
    if (option == Option::pad) continue;
    if (options.empty() || options.size() - 1 < octet(options, 0)) return false;
    const std::string_view value = options.substr(1, octet(options, 0));
    options.remove_prefix(1 + value.size());
    if (option == Option::kind && value.size() == 1) {
      question.kind = DhcpKind{octet(value, 0)};
      has_kind = true;
    }
    if (option == Option::wanted && value.size() == 4) question.wanted = ip_at(value, 0);
    if (option == Option::server && value.size() == 4) question.server = ip_at(value, 0);
  }
  return true;
}

std::string header(const DhcpQuestion& question, const IpAddress& yours, const DhcpLease& lease) {
  std::string packet{static_cast<char>(boot_reply), static_cast<char>(ethernet), static_cast<char>(lease.mac.size()), '\0'};
  packet += bytes(question.id, 4) + bytes(0, 2) + bytes(question.flags, 2) + bytes(question.client) + bytes(yours) + bytes(lease.server) +
            bytes(question.relay);
  for (const std::uint8_t each : lease.mac) packet += static_cast<char>(each);
  packet.resize(at_cookie, '\0');
  return packet += cookie;
}

std::string reply(const DhcpQuestion& question, DhcpKind kind, const DhcpLease& lease) {
  const bool gives = kind == DhcpKind::offer || kind == DhcpKind::ack;
  const bool leases = gives && question.kind != DhcpKind::inform;
  std::string packet = header(question, leases ? lease.address : ipv4(0), lease);
  put(packet, Option::kind, bytes(static_cast<std::uint32_t>(kind), 1));
  put(packet, Option::server, bytes(lease.server));
  if (leases) put(packet, Option::lease, bytes(0xffffffff, 4));
  if (gives) {
    put(packet, Option::mask, bytes(~std::uint32_t{0} << (32U - lease.prefix), 4));
    put(packet, Option::router, bytes(lease.server));
    if (lease.name_server) put(packet, Option::name_server, bytes(*lease.name_server));
    if (!lease.host_name.empty() && lease.host_name.size() < 256) put(packet, Option::host_name, lease.host_name);
    if (lease.mtu != 0 && lease.mtu <= 0xffff) put(packet, Option::mtu, bytes(lease.mtu, 2));
  }
  packet += static_cast<char>(Option::end);
  if (packet.size() < least_packet) packet.resize(least_packet, '\0');
  return packet;
}

}  // namespace

Result<DhcpMac> parse_mac(std::string_view text) {
  DhcpMac mac{};
  const Error bad{Code::invalid_argument, "\"" + std::string(text) + "\" is no MAC address, as 02:00:5e:10:00:01 is"};
  if (text.size() != 3 * mac.size() - 1) return bad;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* at = text.data() + 3 * i;
    const auto read = std::from_chars(at, at + 2, mac[i], 16);
    if (read.ec != std::errc() || read.ptr != at + 2 || (i + 1 < mac.size() && at[2] != ':')) return bad;
  }
  return mac;
}

std::optional<DhcpQuestion> decode_dhcp(std::string_view packet) {
  if (packet.size() < at_options || packet.substr(at_cookie, cookie.size()) != cookie) return std::nullopt;
  DhcpQuestion question;
  if (octet(packet, 0) != boot_request || octet(packet, 1) != ethernet || octet(packet, 2) != question.mac.size()) return std::nullopt;
  question.id = octets(packet, at_id, 4);
  question.seconds = static_cast<std::uint16_t>(octets(packet, at_seconds, 2));
  question.flags = static_cast<std::uint16_t>(octets(packet, at_flags, 2));
  question.client = ip_at(packet, at_client);
  question.relay = ip_at(packet, at_relay);
  for (std::size_t i = 0; i < question.mac.size(); ++i) question.mac[i] = octet(packet, at_mac + i);
  bool has_kind = false;
  if (!read_options(packet.substr(at_options), question, has_kind) || !has_kind) return std::nullopt;
  return question;
}

// RFC 2131 §4.3. A client that came with its VM from elsewhere renews what it has, and hears the same.
std::optional<std::string> answer_dhcp(const DhcpQuestion& question, const DhcpLease& lease) {
  if (question.mac != lease.mac) return std::nullopt;
  switch (question.kind) {
    case DhcpKind::discover: return reply(question, DhcpKind::offer, lease);
    case DhcpKind::inform: return reply(question, DhcpKind::ack, lease);
    case DhcpKind::request: {
      if (question.server && *question.server != lease.server) return std::nullopt;
      const IpAddress asked = question.wanted.value_or(question.client);
      return reply(question, asked == lease.address ? DhcpKind::ack : DhcpKind::nak, lease);
    }
    default: return std::nullopt;
  }
}

}  // namespace neonvm::wire
