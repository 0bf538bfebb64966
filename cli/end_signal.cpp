#include "cli/end_signal.hpp"

#include <csignal>

namespace neonvm::cli {

EndSignal::EndSignal() {
  loop_.on_signals({SIGTERM, SIGINT}, [this](int) { came_ = true; });
}

bool EndSignal::came(Duration within) {
  return loop_.run_until([this] { return came_; }, within);
}

}  // namespace neonvm::cli
