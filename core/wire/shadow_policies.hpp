// The policies that run beside a VM's own without effect: annotation neonvm.dev/shadow-policies, one a line, each written
// like neonvm.dev/policy: NAME[,key=value…].
//
// Written by the CLI, read by the agent. Failure: invalid_argument that names the annotation and the line.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

constexpr const char* shadow_policies_key = "neonvm.dev/shadow-policies";

struct NamedPolicy {
  std::string name;
  std::map<std::string, std::string> options;

  friend bool operator==(const NamedPolicy&, const NamedPolicy&) = default;
};

// "pressure,calm=15"
Result<NamedPolicy> parse_named_policy(std::string_view text);
std::string to_text(const NamedPolicy& policy);

Result<std::vector<NamedPolicy>> decode_shadow_policies(const Object& object);
// None: the annotation goes.
void encode_shadow_policies(const std::vector<NamedPolicy>& policies, Object& object);

}  // namespace neonvm::wire
