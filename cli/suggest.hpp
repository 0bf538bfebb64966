// The known word that somebody probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/nearest.hpp"

namespace neonvm::cli {

using neonvm::nearest;
// " Did you mean \"scale\"?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace neonvm::cli
