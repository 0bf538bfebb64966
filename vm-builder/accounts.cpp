#include "vm-builder/accounts.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "vm-builder/in_quotes.hpp"

namespace neonvm::builder {
namespace {

std::string_view cut(std::string_view& text, char at) {
  const std::size_t end = text.find(at);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The colon-separated fields of the first line for which `fits`.
template <typename Fits>
std::vector<std::string_view> find_line(std::string_view file, std::size_t fields, Fits fits) {
  while (!file.empty()) {
    std::string_view line = cut(file, '\n');
    std::vector<std::string_view> parts;
    while (!line.empty()) parts.push_back(cut(line, ':'));
    parts.resize(std::max(parts.size(), fields));
    if (fits(parts)) return parts;
  }
  return {};
}

std::vector<std::uint32_t> groups_of(std::string_view user, std::string_view group) {
  std::vector<std::uint32_t> groups;
  (void)find_line(group, 4, [&](const auto& parts) {
    std::string_view members = parts[3];
    while (!members.empty()) {
      const auto gid = number(parts[2]);
      if (cut(members, ',') == user && gid) groups.push_back(*gid);
    }
    return false;
  });
  return groups;
}

}  // namespace

Result<Account> find_account(std::string_view user, std::string_view passwd, std::string_view group) {
  const std::string whole(user);
  const std::string_view name = cut(user, ':');
  Account account;
  const auto uid = number(name);
  if (!name.empty()) {
    const auto line = find_line(passwd, 7, [&](const auto& parts) {
      return uid ? number(parts[2]) == uid : (!parts[0].empty() && parts[0] == name);
    });
    if (line.empty() && !uid) return Error{Code::not_found, "user " + in_quotes(whole) + " is not in the image's /etc/passwd"};
    account.name = line.empty() ? std::string(name) : std::string(line[0]);
    account.uid = uid ? *uid : number(line[2]).value_or(0);
    account.gid = line.empty() ? 0 : number(line[3]).value_or(0);
    account.home = line.empty() || line[5].empty() ? "/" : std::string(line[5]);
  }
  if (user.empty()) {
    account.groups = groups_of(account.name, group);
    return account;
  }
  const auto gid = number(user);
  const auto line = find_line(group, 4, [&](const auto& parts) { return !parts[0].empty() && parts[0] == user; });
  if (line.empty() && !gid) return Error{Code::not_found, "group of " + in_quotes(whole) + " is not in the image's /etc/group"};
  account.gid = gid ? *gid : number(line[2]).value_or(0);
  return account;
}

}  // namespace neonvm::builder
