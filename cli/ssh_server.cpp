// neonvm ssh-server: what `neonvm ssh` runs in a guest: an SSH server for the one connection that standard input and output are.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/commands_guest.hpp"
#include "guest/ssh_server.hpp"

namespace neonvm::cli {

namespace {

constexpr int no_server = 4;

std::string standard_input() {
  constexpr std::size_t most = 16 * 1024;
  std::string text;
  char bytes[1024];
  for (ssize_t got = 0; text.size() < most && (got = read(STDIN_FILENO, bytes, sizeof bytes)) > 0;) {
    text.append(bytes, static_cast<std::size_t>(got));
  }
  return text;
}

Result<int> ssh_server(bool prepare) {
  std::signal(SIGPIPE, SIG_IGN);
  if (!prepare) return guest::serve_ssh();
  const auto key = guest::prepare_ssh(standard_input());
  if (!key) {
    // For `neonvm ssh`, which puts its own words before these.
    std::fprintf(stderr, "%s\n", key.error().message.c_str());
    return key.error().code == Code::not_found ? no_server : 1;
  }
  std::printf("%s\n", key->c_str());
  return 0;
}

}  // namespace

Command ssh_server_command() {
  return {"ssh-server", "Guest", "Serve one SSH connection on standard input and output (neonvm ssh runs this)", [](Options& o) {
            auto prepare = std::make_shared<bool>(false);
            o.flag("--prepare", *prepare, "Read the user's public key from standard input, and print the host's");
            return [prepare](Context&) { return ssh_server(*prepare); };
          }};
}

}  // namespace neonvm::cli
