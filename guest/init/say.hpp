// say: one line of PID 1 to people, on the console, before any log exists.
#pragma once

#include <string_view>

namespace neonvm::guest {

void say(std::string_view line);

}  // namespace neonvm::guest
