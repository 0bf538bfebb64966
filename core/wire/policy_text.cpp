#include "core/wire/policy_text.hpp"

#include <charconv>

#include "core/wire/json.hpp"

namespace neonvm::wire {
namespace {

Error refusal(std::string_view part, const char* why) {
  return Error{Code::invalid_argument, "\"" + printable(part) + "\" " + why};
}

// Takes text up to an unescaped `end`, and that; backslashes are resolved.
std::string take_until(std::string_view& rest, char end) {
  std::string part;
  while (!rest.empty()) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == end) break;
    if (c == '\\' && !rest.empty()) {
      c = rest.front();
      rest.remove_prefix(1);
    }
    part += c;
  }
  return part;
}

// Where the part ends that take_until would take.
std::size_t length_until(std::string_view text, char end) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != end) at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

std::string escaped(std::string_view text) {
  std::string all;
  for (const char c : text) {
    if (c == ',' || c == '=' || c == '\\') all += '\\';
    all += c;
  }
  return all;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

Result<Port> parse_host_port(std::string_view text) {
  constexpr const char* why = "is not HOST:GUEST with ports of 1 to 65535; give 8080:80 or 5353:53/udp, say";
  Port port;
  std::string_view numbers = text;
  if (const std::size_t slash = text.find('/'); slash != text.npos) {
    const std::string_view protocol = text.substr(slash + 1);
    if (protocol != "udp" && protocol != "tcp") return refusal(text, why);
    port.protocol = protocol == "udp" ? Protocol::udp : Protocol::tcp;
    numbers = text.substr(0, slash);
  }
  const std::size_t colon = numbers.find(':');
  if (colon == numbers.npos) return refusal(text, why);
  const auto host = port_number(numbers.substr(0, colon));
  const auto guest = port_number(numbers.substr(colon + 1));
  if (!host || !guest) return refusal(text, why);
  port.host = *host;
  port.guest = *guest;
  return port;
}

}  // namespace

Result<PolicyText> parse_policy_text(std::string_view text) {
  PolicyText policy;
  std::string_view rest = text;
  policy.name = take_until(rest, ',');
  if (policy.name.empty()) return refusal(text, "names no policy; give NAME[,key=value...]");
  while (!rest.empty()) {
    const std::string_view option = rest.substr(0, length_until(rest, ','));
    rest.remove_prefix(std::min(option.size() + 1, rest.size()));
    const std::size_t key_length = length_until(option, '=');
    if (key_length == 0 || key_length == option.size()) {
      return refusal(option, "is not key=value; give NAME[,key=value...]");
    }
    std::string_view key_text = option.substr(0, key_length);
    std::string_view value_text = option.substr(key_length + 1);
    const std::string key = take_until(key_text, '\0');
    if (!policy.options.emplace(key, take_until(value_text, '\0')).second) return refusal(key, "is there twice");
  }
  return policy;
}

std::string to_text(const PolicyText& policy) {
  std::string text = escaped(policy.name);
  for (const auto& [key, value] : policy.options) text += "," + escaped(key) + "=" + escaped(value);
  return text;
}

Result<std::vector<Port>> parse_host_ports(std::string_view text) {
  std::vector<Port> ports;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    auto port = parse_host_port(text.substr(0, end));
    if (!port) return port.error();
    ports.push_back(std::move(*port));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return ports;
}

std::string host_ports_text(const std::vector<Port>& ports) {
  std::string text;
  for (const Port& port : ports) {
    if (port.host == 0) continue;
    text += (text.empty() ? "" : ",") + std::to_string(port.host) + ":" + std::to_string(port.guest);
    if (port.protocol == Protocol::udp) text += "/udp";
  }
  return text;
}

}  // namespace neonvm::wire
