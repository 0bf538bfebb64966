// KernelCmdline: the parameters that the kernel was started with, and command lines cut into words.
//
// Called by guest/monitor and guest/init. Pure; a value. Failure: none; an unclosed quote ends with the text, as in the
// kernel.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neonvm::guest {

class KernelCmdline {
 public:
  KernelCmdline() = default;
  // Cut at blanks outside double quotes, which are dropped (the kernel's rule).
  explicit KernelCmdline(std::string_view text);
  static KernelCmdline of_this_machine();

  // The value of the last "name=value"; "" for a bare "name"; none if it is not there.
  [[nodiscard]] std::optional<std::string> find(std::string_view name) const;
  // Every value, in order.
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  // "name", "name=1", "name=y", "name=yes", "name=on".
  [[nodiscard]] bool is_on(std::string_view name) const;

 private:
  std::vector<std::string> parameters_;
};

// Words as a shell cuts them, with quotes '…' and "…" and \x, and nothing else: no expansion, no shell.
std::vector<std::string> split_words(std::string_view text);

}  // namespace neonvm::guest
