#include "plugins/hypervisor-qemu/migration_place.hpp"

#include <algorithm>
#include <charconv>

namespace neonvm::qemu {

namespace {
constexpr std::string_view disks_mark = ",disks";

std::string host_and_port(const MigrationPlace& place) {
  const bool brackets = place.host.find(':') != std::string::npos;
  return (brackets ? "[" + place.host + "]" : place.host) + ":" + std::to_string(place.port);
}

// "HOST:PORT", "[IPv6]:PORT"
bool read_host_and_port(std::string_view text, MigrationPlace& place) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
  if (error != std::errc() || end != port.data() + port.size() || place.port < 1 || place.port > 65534) return false;
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  place.host = host;
  return !host.empty() && brackets == (host.find(':') != std::string_view::npos) &&
         std::ranges::none_of(host, [](char c) { return c == ',' || c == '[' || c == ']'; });
}
}  // namespace

std::string to_text(const MigrationPlace& place) {
  const std::string at = place.tls() ? "tls:" + host_and_port(place) : "unix:" + place.path;
  return at + (place.takes_disks ? std::string(disks_mark) : "");
}

Result<MigrationPlace> parse_place(const std::string& text) {
  std::string_view rest = text;
  MigrationPlace place;
  place.takes_disks = rest.ends_with(disks_mark);
  if (place.takes_disks) rest.remove_suffix(disks_mark.size());
  if (rest.starts_with("unix:/")) {
    place.path = rest.substr(5);
    return place;
  }
  if (rest.starts_with("tls:") && read_host_and_port(rest.substr(4), place)) return place;
  return Error{Code::invalid_argument, "cannot migrate to \"" + text + "\": only unix:/PATH and tls:HOST:PORT are taken"};
}

std::string stream_uri(const MigrationPlace& place) {
  return place.tls() ? "tcp:" + host_and_port(place) : "unix:" + place.path;
}

}  // namespace neonvm::qemu
