// nearest: the known word that somebody probably meant.
//
// Called where a wrong name is refused: commands, settings, options of plugins. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neonvm {

// The nearest of `known` by edit distance (insert, delete, change, swap of neighbours), if it is near enough: at most
// a third of the longer word's letters, at least one. Ties go to the first.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace neonvm
