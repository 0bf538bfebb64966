#include "guest/init/say.hpp"

#include <unistd.h>

#include <string>

namespace neonvm::guest {

void say(std::string_view line) {
  std::string text = "neonvm init: ";
  text += line;
  text += '\n';
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace neonvm::guest
