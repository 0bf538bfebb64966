#include "guest/init/network_up.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <vector>

#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

Error bad_plan(std::string_view text) {
  return Error{Code::invalid_argument,
               "neonvm.ip=" + std::string(text) + ": give ADDRESS/PREFIX[,GATEWAY[,DNS]], dhcp or none"};
}

// inet_pton knows numbers only: no resolver, no locale.
std::optional<std::uint32_t> parse_address(std::string_view text) {
  in_addr address{};
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return address.s_addr;
}

sockaddr socket_address(std::uint32_t address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = address;
  sockaddr generic{};
  static_assert(sizeof in == sizeof generic);
  std::memcpy(&generic, &in, sizeof in);
  return generic;
}

ifreq request_for(const std::string& card) {
  ifreq request{};
  card.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

Status raise_flags(int control, const std::string& card) {
  ifreq request = request_for(card);
  if (::ioctl(control, SIOCGIFFLAGS, &request) != 0) return errno_error(card, errno);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(control, SIOCSIFFLAGS, &request) != 0) return errno_error(card + " up", errno);
  return {};
}

Status set_address(int control, const std::string& card, unsigned long what, std::uint32_t address) {
  ifreq request = request_for(card);
  request.ifr_addr = socket_address(address);
  if (::ioctl(control, what, &request) != 0) return errno_error(card + " address", errno);
  return {};
}

Status set_gateway(int control, std::uint32_t gateway) {
  rtentry route{};
  route.rt_dst = socket_address(0);
  route.rt_genmask = socket_address(0);
  route.rt_gateway = socket_address(gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  if (::ioctl(control, SIOCADDRT, &route) != 0 && errno != EEXIST) return errno_error("default route", errno);
  return {};
}

Fd control_socket() { return Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

// Cuts the part up to the next comma off.
std::string_view next_part(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view part = rest.substr(0, comma);
  rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  return part;
}

}  // namespace

Result<AddressPlan> parse_address_plan(std::string_view text) {
  AddressPlan plan;
  plan.dhcp = text == "dhcp";
  plan.none = text == "none";
  if (plan.dhcp || plan.none) return plan;
  std::string_view rest = text;
  const std::string_view first = next_part(rest);
  const std::size_t slash = first.find('/');
  const auto address = parse_address(first.substr(0, slash));
  const bool has_prefix = slash != std::string_view::npos;
  const unsigned prefix = has_prefix ? whole_number<unsigned>(first.substr(slash + 1)).value_or(0) : 0;
  if (!address || prefix == 0 || prefix > 32) return bad_plan(text);
  plan.address = *address;
  plan.mask = htonl(~std::uint32_t{0} << (32 - prefix));
  for (std::uint32_t* field : {&plan.gateway, &plan.dns}) {
    if (rest.empty()) break;
    const auto number = parse_address(next_part(rest));
    if (!number) return bad_plan(text);
    *field = *number;
  }
  if (!rest.empty()) return bad_plan(text);
  return plan;
}

std::optional<CardPlan> parse_card_plan(std::string_view text) {
  std::vector<std::string_view> parts{""};
  for (std::size_t at = 0, begin = 0; at <= text.size(); ++at) {
    if (at < text.size() && text[at] != ':') continue;
    parts.back() = text.substr(begin, at - begin);
    begin = at + 1;
    if (at < text.size()) parts.emplace_back();
  }
  enum Part : std::size_t { address, server, gateway, mask, host, card, protocol };
  if (parts.size() <= card || parts[card].empty()) return std::nullopt;
  const auto own = parse_address(parts[address]), net = parse_address(parts[mask]);
  if (!own || !net || *own == 0) return std::nullopt;
  CardPlan plan{std::string(parts[card]), {}};
  plan.plan.address = *own;
  plan.plan.mask = *net;
  plan.plan.gateway = parse_address(parts[gateway]).value_or(0);
  return plan;
}

Status bring_up_loopback() {
  const Fd control = control_socket();
  if (!control.valid()) return errno_error("lo", errno);
  return raise_flags(control.get(), "lo");
}

std::optional<std::string> first_card(const std::string& sys) {
  std::set<std::string> cards;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(sys, failed), end; !failed && entry != end; entry.increment(failed)) {
    // Only a real card has a device behind it: no bridges, tunnels or lo.
    if (std::filesystem::exists(entry->path() / "device", failed)) cards.insert(entry->path().filename().string());
  }
  if (cards.empty()) return std::nullopt;
  return *cards.begin();
}

Status bring_up(const std::string& card, const AddressPlan& plan) {
  const Fd control = control_socket();
  if (!control.valid()) return errno_error(card, errno);
  if (plan.address != 0) {
    if (const Status set = set_address(control.get(), card, SIOCSIFADDR, plan.address); !set) return set;
    if (const Status set = set_address(control.get(), card, SIOCSIFNETMASK, plan.mask); !set) return set;
  }
  if (const Status up = raise_flags(control.get(), card); !up) return up;
  return plan.gateway != 0 ? set_gateway(control.get(), plan.gateway) : Status();
}

Status write_resolver(const AddressPlan& plan, const std::string& path) {
  if (plan.dns == 0) return {};
  char text[INET_ADDRSTRLEN];
  if (::inet_ntop(AF_INET, &plan.dns, text, sizeof text) == nullptr) return errno_error("resolver", errno);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  const std::string line = std::string("nameserver ") + text + "\n";
  if (!file.valid() || ::write(file.get(), line.data(), line.size()) < 0) return errno_error(path, errno);
  return {};
}

}  // namespace neonvm::guest
