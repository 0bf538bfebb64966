// Every policy of the tree, opened as neonvm opens it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/plugin/catalog.hpp"

namespace neonvm::test {

struct PolicyCase {
  std::string name;
  plugin::Settings settings;
  bool clamps = true;            // its wish lies in the bounds; policy-default's does not, as upstream's
};

// policy-lua's script is written to a file of this process.
const std::vector<PolicyCase>& all_policies();
Result<std::unique_ptr<Policy>> try_open(const PolicyCase& policy);
// The same of one that must open.
std::unique_ptr<Policy> open(const PolicyCase& policy);

}  // namespace neonvm::test
