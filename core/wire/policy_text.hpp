// Private to wire: the text forms of our own annotations.
//
// neonvm.dev/policy: NAME[,key=value…]; a comma, an equals sign in a key, or a backslash is written with a backslash.
// neonvm.dev/host-ports: HOST:GUEST[/udp|/tcp],…
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::wire {

struct PolicyText {
  std::string name;
  std::map<std::string, std::string> options;

  friend bool operator==(const PolicyText&, const PolicyText&) = default;
};

Result<PolicyText> parse_policy_text(std::string_view text);
std::string to_text(const PolicyText& policy);

// Each with host and guest set and no name.
Result<std::vector<Port>> parse_host_ports(std::string_view text);
// Of the ports that have a host side; "" when none has.
std::string host_ports_text(const std::vector<Port>& ports);

}  // namespace neonvm::wire
