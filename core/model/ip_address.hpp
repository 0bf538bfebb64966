// IpAddress, IpNetwork: an IPv4 or IPv6 address, and a network of them in CIDR form (RFC 4632, RFC 4291 §2.3).
//
// Called by everyone; values, any thread. IPv6 zones ("%eth0") are not known here. An IPv4-mapped IPv6 address stays an IPv6 one.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm {

enum class IpFamily : std::uint8_t { v4, v6 };

const char* to_string(IpFamily family);                   // "IPv4", "IPv6"
constexpr unsigned bits_of(IpFamily family) { return family == IpFamily::v4 ? 32 : 128; }

struct IpAddress {
  IpFamily family = IpFamily::v4;
  std::uint64_t high = 0, low = 0;                        // host byte order; IPv4: in low

  // All of IPv4 before all of IPv6, each by its number.
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

constexpr IpAddress ipv4(std::uint32_t value) { return {IpFamily::v4, 0, value}; }
Result<IpAddress> parse_ip(std::string_view text);
std::string to_string(const IpAddress& address);          // IPv6 as RFC 5952 writes it
// In network byte order: the first 4 or all 16 count.
std::array<std::uint8_t, 16> bytes_of(const IpAddress& address);
IpAddress ip_from(IpFamily family, const std::uint8_t* bytes);

// The neighbours by number; none beyond the last and the first of the family.
std::optional<IpAddress> next(const IpAddress& address);
std::optional<IpAddress> previous(const IpAddress& address);
// How far `to` is from `from`; none when it is before it, of the other family, or 2^64 or more away.
std::optional<std::uint64_t> distance(const IpAddress& from, const IpAddress& to);
std::optional<IpAddress> plus(const IpAddress& address, std::uint64_t distance);

struct IpNetwork {
  IpAddress first, last;                                  // of all its addresses; first is the network's own
  std::uint8_t prefix = 32;                               // bits that all of them share

  [[nodiscard]] bool contains(const IpAddress& address) const { return first <= address && address <= last; }
  friend bool operator==(const IpNetwork&, const IpNetwork&) = default;
};

// "10.100.0.0/16", "fd00:100::/64". Bits beyond the prefix are taken for none.
Result<IpNetwork> parse_network(std::string_view text);
std::string to_string(const IpNetwork& network);
// Of that prefix: "255.255.0.0".
std::string netmask(IpFamily family, std::uint8_t prefix);

}  // namespace neonvm
