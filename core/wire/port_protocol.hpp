// What a node's overlay and the pods there have to say to each other.
//
// PortAnswer: beside the tap that the overlay hands over, or in place of it; told by daemon/overlay_ports, read by `neonvm runner`. Strict.
// PortFolder: whose the folder is that a pod shares with its node, as its name says. It is written into the pod by who makes that
// (plugins/orchestrator-k8s), so nothing in the pod can change it, and the overlay need not ask who anybody is. Pure, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/ip_address.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

struct PortAnswer {
  std::uint32_t mtu = 0;               // largest IP packet; 0 with a reason
  std::string why;                     // no tap comes now; asking again may help

  friend bool operator==(const PortAnswer&, const PortAnswer&) = default;
};

Result<PortAnswer> decode_port_answer(std::string_view json);
std::string encode(const PortAnswer& answer);

// Who may speak at a port.
struct PortOwner {
  std::string mac;                     // "02:00:00:00:00:01"
  IpAddress address;

  friend bool operator==(const PortOwner&, const PortOwner&) = default;
};

struct PortFolder {
  std::string ns, pod;
  std::optional<PortOwner> owner;      // none: made by one that does not know of this, or for a card without an address

  friend bool operator==(const PortFolder&, const PortFolder&) = default;
};

// "NAMESPACE_POD", or with an owner "NAMESPACE_POD_020000000001_10.100.128.7"; an IPv6 address has dashes where it has colons.
std::string encode(const PortFolder& folder);
Result<PortFolder> decode_port_folder(std::string_view name);

}  // namespace neonvm::wire
