// How far a stop has got. Private to the runner's own files.
#pragma once

#include "core/daemon/runner.hpp"

namespace neonvm::daemon {

struct Runner::Stopping {
  enum class Step { ask_guest, power_button, quit, kill } step = Step::ask_guest;
  Instant began{};
  Duration grace{};
  runtime::Timer next;
};

}  // namespace neonvm::daemon
