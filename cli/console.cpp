// neonvm console: the VM's serial console; Ctrl-] leaves.
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/terminal.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

namespace {

constexpr char leave_key = 0x1d;  // Ctrl-]

Deadline in(Duration d) { return std::chrono::steady_clock::now() + d; }

// False when the user wants to leave.
Result<bool> pass_keys(runtime::BlockingChannel& channel) {
  std::array<char, 4096> keys;
  const ssize_t n = read(STDIN_FILENO, keys.data(), keys.size());
  if (n <= 0) return false;
  std::string bytes(keys.data(), static_cast<std::size_t>(n));
  const auto leave = bytes.find(leave_key);
  const bool stays = leave == std::string::npos;
  bytes.resize(std::min(leave, bytes.size()));
  if (bytes.empty()) return stays;
  if (auto sent = channel.send({true, bytes}, in(std::chrono::seconds(10))); !sent) return sent.error();
  return stays;
}

Result<int> talk(runtime::BlockingChannel& channel) {
  while (true) {
    std::array<pollfd, 2> fds{{{channel.fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    if (!channel.buffered() && poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) {
      return Error{Code::internal, "poll failed"};
    }
    if (fds[1].revents != 0) {
      auto stays = pass_keys(channel);
      if (!stays) return stays.error();
      if (!*stays) return 0;
    }
    if (fds[0].revents == 0 && !channel.buffered()) continue;
    auto message = channel.receive(in(std::chrono::seconds(10)));
    if (!message) {
      if (message.error().code == Code::deadline_exceeded) continue;
      return message.error();
    }
    std::cout << message->data << std::flush;
  }
}

Result<int> open_console(Context& context, const std::string& name) {
  auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  const auto reach = runner_reach(context, *vm);
  if (!reach) return reach.error();
  auto channel = reach->open("/v1/console", in(std::chrono::seconds(10)));
  if (!channel) return channel.error();
  const RawTerminal raw;
  if (raw.active()) std::cerr << "Connected to " << name << "; Ctrl-] leaves.\r\n";
  return talk(**channel);
}

}  // namespace

Command console_command() {
  return {"console", "VMs", "Talk to a VM's serial console; Ctrl-] leaves", [](Options& o) {
            auto name = std::make_shared<std::string>();
            o.positional("name", *name, "vm", "Name of the VM");
            return [name](Context& context) { return open_console(context, *name); };
          }};
}

}  // namespace neonvm::cli
