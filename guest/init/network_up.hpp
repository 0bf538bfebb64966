// network_up: lo and the first network card, with the address that QEMU's user network gives out, without asking for it; and cards
// with addresses of their own.
//
// Called by guest/init. neonvm.ip=ADDRESS/PREFIX[,GATEWAY[,DNS]] | dhcp | none; default 10.0.2.15/24,10.0.2.2,10.0.2.3.
// ip=ADDRESS:::MASK:NAME:CARD:off (the kernel's nfsroot.txt): CARD has that address; a kernel that reads it itself has done so before.
// Static by default: DHCP would tell the same a second later. Failure: a Result with the step that was refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::guest {

struct AddressPlan {
  bool dhcp = false, none = false;
  std::uint32_t address = 0, mask = 0;   // network byte order
  std::uint32_t gateway = 0, dns = 0;    // 0: none
};

constexpr std::string_view user_network = "10.0.2.15/24,10.0.2.2,10.0.2.3";

// Pure.
Result<AddressPlan> parse_address_plan(std::string_view text);

// Of an ip= parameter. None: one that names no card or no address, which is the kernel's business alone.
struct CardPlan {
  std::string card;
  AddressPlan plan;
};
std::optional<CardPlan> parse_card_plan(std::string_view text);

Status bring_up_loopback();
// The first card that is not lo; none: this machine has no card.
std::optional<std::string> first_card(const std::string& sys = "/sys/class/net");
Status bring_up(const std::string& card, const AddressPlan& plan);
// nameserver lines for programs that look names up.
Status write_resolver(const AddressPlan& plan, const std::string& path = "/etc/resolv.conf");

}  // namespace neonvm::guest
