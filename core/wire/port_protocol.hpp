// PortAnswer: what a node's overlay says to a runner, beside the tap that it hands over or in place of it.
//
// Told by daemon/overlay_ports, read by `neonvm runner`. Strict. Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::wire {

struct PortAnswer {
  std::uint32_t mtu = 0;               // largest IP packet; 0 with a reason
  std::string why;                     // no tap comes now; asking again may help

  friend bool operator==(const PortAnswer&, const PortAnswer&) = default;
};

Result<PortAnswer> decode_port_answer(std::string_view json);
std::string encode(const PortAnswer& answer);

}  // namespace neonvm::wire
