#include "core/wire/port_protocol.hpp"

#include <algorithm>
#include <vector>

#include "core/wire/common_fields.hpp"

namespace neonvm::wire {
namespace {

// No name in Kubernetes has it.
constexpr char between = '_';

bool is_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

std::string mac_of(std::string_view digits) {
  std::string mac;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && i % 2 == 0) mac += ':';
    mac += digits[i];
  }
  return mac;
}

std::vector<std::string> parts_of(std::string_view name) {
  std::vector<std::string> parts(1);
  for (const char c : name) {
    if (c == between) parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

}  // namespace

void describe(auto& v, Like<PortAnswer> auto& a) {
  v.field_or("mtu", a.mtu, 0);
  v.field("why", a.why);
}

Result<PortAnswer> decode_port_answer(std::string_view json) { return read_text<PortAnswer>(json, Keys::strict); }
std::string encode(const PortAnswer& answer) { return write_text(answer); }

std::string encode(const PortFolder& folder) {
  std::string name = folder.ns + between + folder.pod;
  if (!folder.owner) return name;
  std::string mac = folder.owner->mac, address = to_string(folder.owner->address);
  std::erase(mac, ':');
  std::replace(address.begin(), address.end(), ':', '-');
  return name + between + mac + between + address;
}

Result<PortFolder> decode_port_folder(std::string_view name) {
  const Error strange{Code::invalid_argument, "\"" + std::string(name) + "\" is not NAMESPACE_POD or NAMESPACE_POD_MAC_ADDRESS"};
  std::vector<std::string> parts = parts_of(name);
  if (std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); })) return strange;
  if (parts.size() == 2) return PortFolder{parts[0], parts[1], {}};
  if (parts.size() != 4 || parts[2].size() != 12 || !std::all_of(parts[2].begin(), parts[2].end(), is_digit)) return strange;
  std::replace(parts[3].begin(), parts[3].end(), '-', ':');
  const auto address = parse_ip(parts[3]);
  if (!address) return strange;
  return PortFolder{parts[0], parts[1], PortOwner{mac_of(parts[2]), *address}};
}

}  // namespace neonvm::wire
