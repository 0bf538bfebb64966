// RawTerminal: the user's terminal passes every key on, until this goes.
#pragma once

#include <termios.h>

#include <cstdint>

namespace neonvm::cli {

class RawTerminal {
 public:
  RawTerminal();   // nothing happens when standard input is no terminal
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  [[nodiscard]] bool active() const { return active_; }

 private:
  termios before_{};
  bool active_ = false;
};

struct TerminalSize {
  std::uint16_t rows = 24, columns = 80;
};
TerminalSize terminal_size();

}  // namespace neonvm::cli
