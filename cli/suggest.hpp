// The known word that somebody probably meant.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neonvm::cli {

// The nearest of `known` by edit distance (insert, delete, change, swap of neighbours), if it is near enough: at most
// a third of the longer word's letters, at least one. Ties go to the first.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);
// " Did you mean \"scale\"?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace neonvm::cli
