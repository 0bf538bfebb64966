// --policy and --shadow: a policy as people write it, opened once so that a bad name, path or option is told at once.
#pragma once

#include <string>
#include <vector>

#include "cli/context.hpp"
#include "core/wire/shadow_policies.hpp"

namespace neonvm::cli {

// "pressure,calm=15" or "./mine.so,depth=3"; a path becomes absolute, because the control plane has another directory.
Result<wire::NamedPolicy> read_policy_option(Context& context, const std::string& option, const std::string& text);
// Each of them; "none" alone: no shadows.
Result<std::vector<wire::NamedPolicy>> read_shadow_options(Context& context, const std::vector<std::string>& texts);

}  // namespace neonvm::cli
