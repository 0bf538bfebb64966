#include "core/model/object.hpp"

#include <algorithm>

namespace neonvm {
namespace {

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

Error bad_name(std::string_view name, const char* why) {
  std::string shown(name.substr(0, 80));
  return Error{Code::invalid_argument, "name \"" + shown + "\" " + why +
                                           "; give 1 to 63 of a-z, 0-9 and '-', with a letter or digit at both ends"};
}

}  // namespace

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::virtual_machine: return "VirtualMachine";
    case Kind::migration: return "VirtualMachineMigration";
    case Kind::node: return "Node";
    case Kind::runner: return "Runner";
    case Kind::neighbour: return "Neighbour";
    case Kind::ip_pool: return "IPPool";
  }
  return "VirtualMachine";
}

std::optional<Kind> kind_from(std::string_view text) {
  for (const Kind kind : {Kind::virtual_machine, Kind::migration, Kind::node, Kind::runner, Kind::neighbour, Kind::ip_pool}) {
    if (text == to_string(kind)) return kind;
  }
  return std::nullopt;
}

Status check_name(std::string_view name) {
  if (name.empty()) return bad_name(name, "is empty");
  if (name.size() > 63) return bad_name(name, "is too long");
  for (const char c : name) {
    if (!is_alphanumeric(c) && c != '-') return bad_name(name, "has a character that a name may not have");
  }
  if (name.front() == '-' || name.back() == '-') return bad_name(name, "begins or ends with '-'");
  return {};
}

Status check_name(Kind kind, std::string_view name) {
  if (kind != Kind::ip_pool || name.size() > 253) return check_name(name);
  for (;;) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    if (Status good = check_name(name.substr(0, dot)); !good || dot == name.size()) return good;
    name.remove_prefix(dot + 1);
  }
}

std::string short_name(const std::string& name) { return name.substr(name.find('/') + 1); }

std::string name_beside(const std::string& name, const std::string& before, const std::string& after) {
  constexpr std::size_t longest = 63;
  const std::string ns = name.substr(0, name.size() - short_name(name).size());
  const std::size_t room = longest - std::min(longest, before.size() + after.size());
  return ns + before + short_name(name).substr(0, room) + after;
}

}  // namespace neonvm
