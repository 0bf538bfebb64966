#include "core/wire/shadow_policies.hpp"

#include "core/wire/policy_text.hpp"

namespace neonvm::wire {

Result<NamedPolicy> parse_named_policy(std::string_view text) {
  if (text.find('\n') != std::string_view::npos) {
    return Error{Code::invalid_argument, "a policy is one line; give NAME[,key=value...]"};
  }
  auto policy = parse_policy_text(text);
  if (!policy) return policy.error();
  return NamedPolicy{std::move(policy->name), std::move(policy->options)};
}

std::string to_text(const NamedPolicy& policy) { return to_text(PolicyText{policy.name, policy.options}); }

Result<std::vector<NamedPolicy>> decode_shadow_policies(const Object& object) {
  std::vector<NamedPolicy> policies;
  const auto found = object.annotations.find(shadow_policies_key);
  if (found == object.annotations.end()) return policies;
  std::string_view rest = found->second;
  for (int line = 1; !rest.empty(); ++line) {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    if (text.empty()) continue;
    auto policy = parse_named_policy(text);
    if (!policy) return policy.error().at(std::string("annotation ") + shadow_policies_key + ", line " + std::to_string(line));
    policies.push_back(std::move(*policy));
  }
  return policies;
}

void encode_shadow_policies(const std::vector<NamedPolicy>& policies, Object& object) {
  std::string text;
  for (const NamedPolicy& policy : policies) text += (text.empty() ? "" : "\n") + to_text(policy);
  if (text.empty()) {
    object.annotations.erase(shadow_policies_key);
  } else {
    object.annotations[shadow_policies_key] = text;
  }
}

}  // namespace neonvm::wire
