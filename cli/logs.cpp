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

namespace neonvm::cli {

namespace {

struct LogOptions {
  std::string name;
  bool follow = false, runner = false;
  std::int64_t tail = -1;
};

// Where the last `lines` lines begin.
off_t tail_begin(int fd, off_t size, std::int64_t lines) {
  if (lines < 0) return 0;
  std::array<char, 4096> block;
  std::int64_t seen = 0;
  for (off_t end = size; end > 0;) {
    const off_t begin = std::max<off_t>(0, end - static_cast<off_t>(block.size()));
    const ssize_t n = pread(fd, block.data(), static_cast<std::size_t>(end - begin), begin);
    if (n <= 0) return 0;
    for (ssize_t i = n - 1; i >= 0; --i) {
      if (block[static_cast<std::size_t>(i)] != '\n' || begin + i == size - 1) continue;
      if (++seen >= lines) return begin + i + 1;
    }
    end = begin;
  }
  return 0;
}

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

Result<int> show_logs(Context& context, const LogOptions& options) {
  auto object = context.find(Kind::virtual_machine, options.name);
  if (!object) return object.error();
  auto orchestrator = context.orchestrator();
  if (context.remote_control_plane()) {
    return Error{Code::unsupported, "what a VM in a pod has printed lies in that pod; from now on: neonvm console " + options.name +
                                        ", and its runner's words: kubectl logs -l vm.neon.tech/name=" + short_name(options.name) + " -c neonvm-runner"};
  }
  const std::string directory = (*orchestrator)->vm_directory(options.name);
  const std::string path = directory + (options.runner ? "/runner.log" : "/console.log");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return Error{Code::not_found, options.name + " has printed nothing yet (" + path + ")"};
    return Error{Code::unavailable, path + ": " + std::strerror(errno)};
  }
  struct stat info {};
  fstat(fd, &info);
  off_t at = tail_begin(fd, info.st_size, options.tail);
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
