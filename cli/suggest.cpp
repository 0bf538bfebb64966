#include "cli/suggest.hpp"

namespace neonvm::cli {

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const auto found = nearest(word, known);
  return found && *found != word ? " Did you mean \"" + *found + "\"?" : "";
}

}  // namespace neonvm::cli
