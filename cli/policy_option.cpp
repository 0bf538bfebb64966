#include "cli/policy_option.hpp"

#include <filesystem>

namespace neonvm::cli {

Result<wire::NamedPolicy> read_policy_option(Context& context, const std::string& option, const std::string& text) {
  auto policy = wire::parse_named_policy(text);
  if (!policy) return policy.error().at(option);
  if (policy->name.find('/') != std::string::npos || policy->name.ends_with(".so")) {
    std::error_code error;
    policy->name = std::filesystem::absolute(policy->name, error).string();
  }
  auto opened = context.open_policy(policy->name, policy->options);
  if (!opened) return opened.error().at(option);
  return policy;
}

Result<std::vector<wire::NamedPolicy>> read_shadow_options(Context& context, const std::vector<std::string>& texts) {
  std::vector<wire::NamedPolicy> policies;
  if (texts.size() == 1 && texts.front() == "none") return policies;
  for (const std::string& text : texts) {
    auto policy = read_policy_option(context, "--shadow", text);
    if (!policy) return policy.error();
    policies.push_back(std::move(*policy));
  }
  return policies;
}

}  // namespace neonvm::cli
