// neonvm exec: run a command in a guest.
#include <unistd.h>

#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/guest_session.hpp"
#include "cli/terminal.hpp"

namespace neonvm::cli {

namespace {

struct ExecOptions {
  std::string name;
  std::vector<std::string> argv;
  bool tty = false, no_input = false;
};

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

Result<int> exec_in_guest(Context& context, const ExecOptions& options) {
  auto vm = find_vm(context, options.name);
  if (!vm) return vm.error();
  auto endpoint = runner_reach(context, *vm);
  if (!endpoint) return endpoint.error();
  wire::ExecRequest request;
  request.argv = options.argv;
  request.tty = options.tty;
  const TerminalSize size = terminal_size();
  request.rows = size.rows;
  request.columns = size.columns;
  GuestStreams streams;
  streams.input = options.no_input ? -1 : STDIN_FILENO;
  streams.forward_signals = !options.tty;
  streams.output = [](int stream, std::string_view bytes) {
    return write_all(stream == 2 ? STDERR_FILENO : STDOUT_FILENO, bytes);
  };
  if (!options.tty) return guest_session(*endpoint, request, streams);
  const RawTerminal raw;
  return guest_session(*endpoint, request, streams);
}

}  // namespace

Command exec_command() {
  return {"exec", "VMs", "Run a command in a guest", [](Options& o) {
            auto options = std::make_shared<ExecOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.flag("-t,--tty", options->tty, "With a terminal");
            o.flag("-n,--no-input", options->no_input, "Do not pass standard input on");
            o.rest("command", options->argv, "The command, after --", true);
            o.example("neonvm exec web -- uname -a");
            o.example("neonvm exec -t web -- sh");
            return [options](Context& context) { return exec_in_guest(context, *options); };
          }};
}

}  // namespace neonvm::cli
