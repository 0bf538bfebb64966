#include "core/model/ip_address.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace neonvm {
namespace {

constexpr std::uint64_t all_ones = ~std::uint64_t{0};

// The lowest `count` of 64 bits; all of them from 64 on.
constexpr std::uint64_t low_ones(unsigned count) { return count >= 64 ? all_ones : (std::uint64_t{1} << count) - 1; }

IpAddress last_of(IpFamily family) { return family == IpFamily::v4 ? ipv4(0xffffffff) : IpAddress{family, all_ones, all_ones}; }

// What lies beyond a prefix, as ones.
IpAddress host_bits(IpFamily family, unsigned prefix) {
  const unsigned host = bits_of(family) - prefix;
  return {family, host > 64 ? low_ones(host - 64) : 0, low_ones(host)};
}

}  // namespace

const char* to_string(IpFamily family) { return family == IpFamily::v4 ? "IPv4" : "IPv6"; }

Result<IpAddress> parse_ip(std::string_view text) {
  const std::string copy(text);
  std::uint8_t bytes[16] = {};
  const bool clean = copy.find('\0') == std::string::npos;
  if (clean && inet_pton(AF_INET, copy.c_str(), bytes) == 1) return ip_from(IpFamily::v4, bytes);
  if (clean && inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return ip_from(IpFamily::v6, bytes);
  return Error{Code::invalid_argument, "\"" + copy + "\" is not an IPv4 or IPv6 address"};
}

std::string to_string(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(address.family == IpFamily::v4 ? AF_INET : AF_INET6, bytes_of(address).data(), text, sizeof text);
  return text;
}

std::array<std::uint8_t, 16> bytes_of(const IpAddress& address) {
  std::array<std::uint8_t, 16> bytes{};
  const unsigned count = bits_of(address.family) / 8;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned from_end = count - 1 - i;
    const std::uint64_t half = from_end < 8 ? address.low : address.high;
    bytes[i] = static_cast<std::uint8_t>(half >> from_end % 8 * 8);
  }
  return bytes;
}

IpAddress ip_from(IpFamily family, const std::uint8_t* bytes) {
  IpAddress address{family, 0, 0};
  for (unsigned i = 0; i < bits_of(family) / 8; ++i) {
    address.high = address.high << 8 | address.low >> 56;
    address.low = address.low << 8 | bytes[i];
  }
  return address;
}

std::optional<IpAddress> next(const IpAddress& address) {
  if (address == last_of(address.family)) return {};
  const std::uint64_t carry = address.low == all_ones ? 1 : 0;
  return IpAddress{address.family, address.high + carry, address.low + 1};
}

std::optional<IpAddress> previous(const IpAddress& address) {
  if (address.high == 0 && address.low == 0) return {};
  const std::uint64_t borrow = address.low == 0 ? 1 : 0;
  return IpAddress{address.family, address.high - borrow, address.low - 1};
}

std::optional<std::uint64_t> distance(const IpAddress& from, const IpAddress& to) {
  if (from.family != to.family || to < from) return {};
  const std::uint64_t borrow = to.low < from.low ? 1 : 0;
  if (to.high - from.high != borrow) return {};
  return to.low - from.low;
}

std::optional<IpAddress> plus(const IpAddress& address, std::uint64_t distance) {
  const std::uint64_t low = address.low + distance, carry = low < distance ? 1 : 0;
  const IpAddress sum{address.family, address.high + carry, low};
  if (sum < address || sum > last_of(address.family)) return {};
  return sum;
}

Result<IpNetwork> parse_network(std::string_view text) {
  const Error wrong{Code::invalid_argument, "\"" + std::string(text) + "\" is not a range like 10.100.0.0/16"};
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return wrong;
  const auto address = parse_ip(text.substr(0, slash));
  const std::string_view digits = text.substr(slash + 1);
  std::uint8_t prefix = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (!address || error != std::errc{} || stop != digits.data() + digits.size() || prefix > bits_of(address->family)) return wrong;
  const IpAddress host = host_bits(address->family, prefix);
  return IpNetwork{{address->family, address->high & ~host.high, address->low & ~host.low},
                   {address->family, address->high | host.high, address->low | host.low},
                   prefix};
}

std::string to_string(const IpNetwork& network) { return to_string(network.first) + "/" + std::to_string(network.prefix); }

std::string netmask(IpFamily family, std::uint8_t prefix) {
  const IpAddress host = host_bits(family, prefix), ones = last_of(family);
  return to_string(IpAddress{family, ones.high & ~host.high, ones.low & ~host.low});
}

}  // namespace neonvm
