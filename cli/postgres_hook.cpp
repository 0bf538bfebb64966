// neonvm postgres-hook: what /etc/neonvm/hooks/postgres starts.
#include "guest/postgres/hook.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cli/commands_guest.hpp"

namespace neonvm::cli {

namespace {

// One line; the monitor leaves its end open.
Result<std::string> question() {
  std::string text;
  char buffer[1024];
  while (text.find('\n') == std::string::npos && text.size() < 64 * 1024) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  if (text.empty()) return Error{Code::invalid_argument, "no question on standard input; docs/reference/guest.md tells what comes there"};
  return text;
}

Result<int> hook() {
  const auto asked = question();
  if (!asked) return asked.error();
  const auto answer = guest::postgres::answer_question(guest::postgres::options_of_environment(), *asked);
  if (!answer) return answer.error();
  std::fputs(answer->c_str(), stdout);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace

Command postgres_hook_command() {
  return {"postgres-hook", "Guest", "A hook that keeps PostgreSQL in step with the size of this guest", [](Options& o) {
            o.example("echo '{\"schema\":1,\"event\":\"look\",\"target\":{\"cpu\":2,\"memory\":\"1Gi\"}}' | neonvm postgres-hook");
            return [](Context&) { return hook(); };
          }};
}

}  // namespace neonvm::cli
