// neonvm logs: what a VM's console printed, and with --runner what its runner says.
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "cli/commands_host.hpp"
#include "cli/vm_view.hpp"
#include "core/daemon/log_tail.hpp"
#include "core/runtime/channel.hpp"
#include "core/wire/log_request.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::cli {

namespace {

constexpr Duration open_limit = std::chrono::seconds(10), quiet_limit = std::chrono::hours(1);
constexpr Duration read_limit = std::chrono::seconds(30), follow_limit = std::chrono::hours(24 * 365);

struct LogOptions {
  std::string name;
  bool follow = false, runner = false;
  std::int64_t tail = -1;
};

void copy_from(int fd, off_t& at) {
  std::array<char, 16384> block;
  while (true) {
    const ssize_t n = pread(fd, block.data(), block.size(), at);
    if (n <= 0) break;
    std::cout.write(block.data(), n);
    at += n;
  }
  std::cout.flush();
}

Status follow_file(const std::string& path, int fd, off_t at) {
  const int watch = inotify_init1(IN_CLOEXEC);
  if (watch < 0 || inotify_add_watch(watch, path.c_str(), IN_MODIFY | IN_DELETE_SELF) < 0) {
    return Error{Code::unavailable, path + ": cannot be followed: " + std::strerror(errno)};
  }
  struct stat info {};
  while (std::cout) {
    copy_from(fd, at);
    // A deleted VM writes no more.
    if (fstat(fd, &info) == 0 && info.st_nlink == 0) break;
    std::array<char, 4096> events;
    if (read(watch, events.data(), events.size()) < 0 && errno != EINTR) break;
  }
  close(watch);
  return {};
}

// Its present one; of a VM that has none, the last that is still there.
Result<std::string> runner_of(Context& context, Orchestrator& orchestrator, const std::string& name) {
  const auto vm = find_vm(context, name);
  if (!vm) return vm.error();
  if (!vm->status.runner.empty()) return vm->status.runner;
  const auto runners = orchestrator.list_runners(vm->object.name, soon());
  if (!runners) return runners.error();
  const Object* last = nullptr;
  for (const Object& each : *runners)
    if (each.owner_uid == vm->object.uid && (last == nullptr || each.created > last->created)) last = &each;
  if (last == nullptr) return Error{Code::not_found, name + " has no runner; neonvm explain tells why, and how the last one ended"};
  return last->name;
}

Result<int> stream_runner_log(Context& context, const LogOptions& options) {
  auto orchestrator = context.orchestrator();
  if (!orchestrator) return orchestrator.error();
  const auto runner = runner_of(context, **orchestrator, options.name);
  if (!runner) return runner.error();
  const auto show = [](std::string_view piece) { std::cout << piece << std::flush; };
  const Status read = (*orchestrator)->runner_log(*runner, options.tail, options.follow, show,
                                                  std::chrono::steady_clock::now() + (options.follow ? follow_limit : read_limit));
  return read ? Result<int>(0) : read.error();
}

// What lies beside a runner that is not on this machine.
Result<int> stream_log(Context& context, const LogOptions& options) {
  if (options.runner) return stream_runner_log(context, options);
  auto vm = find_vm(context, options.name);
  if (!vm) return vm.error();
  const auto reach = runner_reach(context, *vm);
  if (!reach) return reach.error();
  auto channel = reach->open("/v1/log", std::chrono::steady_clock::now() + open_limit);
  if (!channel) return channel.error();
  const runtime::ChannelMessage how{false, wire::encode(wire::LogRequest{options.tail, options.follow})};
  if (Status asked = (*channel)->send(how, std::chrono::steady_clock::now() + open_limit); !asked) return asked.error();
  while (std::cout) {
    auto message = (*channel)->receive(std::chrono::steady_clock::now() + (options.follow ? quiet_limit : open_limit));
    if (!message && options.follow && message.error().code == Code::deadline_exceeded) continue;
    if (!message) return message.error().at("the log of " + options.name);
    if (message->binary) {
      std::cout << message->data << std::flush;
      continue;
    }
    const auto end = wire::decode_exec_end(message->data);
    if (!end) return end.error();
    if (!end->error.empty()) return Error{Code::unavailable, options.name + ": " + end->error};
    break;
  }
  return 0;
}

Result<int> show_logs(Context& context, const LogOptions& options) {
  auto object = context.find(Kind::virtual_machine, options.name);
  if (!object) return object.error();
  if (context.remote_control_plane()) return stream_log(context, options);
  auto orchestrator = context.orchestrator();
  const std::string directory = (*orchestrator)->vm_directory(options.name);
  const std::string path = directory + (options.runner ? "/runner.log" : "/console.log");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return Error{Code::not_found, options.name + " has printed nothing yet (" + path + ")"};
    return Error{Code::unavailable, path + ": " + std::strerror(errno)};
  }
  struct stat info {};
  fstat(fd, &info);
  off_t at = daemon::tail_begin(fd, info.st_size, options.tail);
  copy_from(fd, at);
  Status followed;
  if (options.follow) followed = follow_file(path, fd, at);
  close(fd);
  if (!followed) return followed.error();
  return 0;
}

}  // namespace

Command logs_command() {
  return {"logs", "VMs", "Show what a VM's console printed", [](Options& o) {
            auto options = std::make_shared<LogOptions>();
            o.positional("name", options->name, "vm", "Name of the VM");
            o.flag("-f,--follow", options->follow, "Go on as it prints more");
            o.flag("--runner", options->runner, "What the VM's runner says instead");
            o.number("-n,--tail", options->tail, 0, 1000000, "LINES", "Only the last lines");
            return [options](Context& context) { return show_logs(context, *options); };
          }};
}

}  // namespace neonvm::cli
