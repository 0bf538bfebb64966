#include "plugins/orchestrator-local/process.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

std::uint64_t start_of(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat");
  return text ? start_from_stat(text->data(), text->size()) : 0;
}

// A process that ended meanwhile, or another user's, holds nothing of ours.
bool may_be_skipped(const std::error_code& error) {
  return error == std::errc::no_such_file_or_directory || error == std::errc::permission_denied ||
         error == std::errc::no_such_process;
}

Error cannot_look(const std::error_code& error) {
  return Error{Code::unavailable, "cannot look through /proc for a machine's process: " + error.message()};
}

Result<bool> holds(pid_t pid, const std::string& path, const struct stat& file) {
  const std::string name = path.substr(path.rfind('/'));
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid) + "/fd", error), end;
  for (; !error && entries != end; entries.increment(error)) {
    std::error_code closed_meanwhile;
    if (!std::filesystem::read_symlink(entries->path(), closed_meanwhile).string().ends_with(name)) continue;
    struct stat found {};
    if (::stat(entries->path().c_str(), &found) == 0 && found.st_dev == file.st_dev && found.st_ino == file.st_ino) {
      return true;
    }
  }
  if (error && !may_be_skipped(error)) return cannot_look(error);
  return false;
}

}  // namespace

// Also called between fork and exec: no allocation here.
std::uint64_t start_from_stat(const char* text, std::size_t length) {
  std::size_t at = length;
  while (at > 0 && text[at - 1] != ')') --at;  // the name before it may hold anything
  if (at == 0 || at + 2 >= length || text[at + 1] == 'Z' || text[at + 1] == 'X') return 0;
  constexpr int fields_between = 20;  // from the name's end to starttime
  for (int field = 0; field < fields_between && at < length; ++field) {
    while (at < length && text[at] != ' ') ++at;
    ++at;
  }
  std::uint64_t start = 0;
  for (; at < length && text[at] >= '0' && text[at] <= '9'; ++at) start = start * 10 + std::uint64_t(text[at] - '0');
  return start;
}

ProcessId this_process() { return {::getpid(), start_of(::getpid())}; }

std::optional<ProcessId> process_with(pid_t pid) {
  const std::uint64_t start = pid > 0 ? start_of(pid) : 0;
  if (start == 0) return std::nullopt;
  return ProcessId{pid, start};
}

bool is_alive(const ProcessId& process) { return process_with(process.pid) == process; }

Result<UniqueFd> open_process(const ProcessId& process) {
  const Error gone{Code::not_found, "process " + std::to_string(process.pid) + " is gone"};
  if (process.pid <= 0) return gone;
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));  // glibc 2.36 has no C++ name for it
  if (!fd && errno == ESRCH) return gone;
  if (!fd) return system_error("cannot watch process", std::to_string(process.pid), errno);
  const auto text = read_file("/proc/" + std::to_string(process.pid) + "/stat");
  if (!text && text.error().code != Code::not_found) return text.error();
  const std::uint64_t start = text ? start_from_stat(text->data(), text->size()) : 0;
  // 0: ended meanwhile or a zombie, and the fd says so.
  if (start != process.start && start != 0) return gone;
  return fd;
}

bool has_ended(const UniqueFd& pidfd) {
  if (!pidfd) return true;
  pollfd one{pidfd.get(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

void send_signal(const UniqueFd& pidfd, int signal) {
  if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
}

std::optional<std::string> reap(const UniqueFd& pidfd) {
  siginfo_t info{};
  if (!pidfd || ::waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
    return std::nullopt;
  }
  if (info.si_code == CLD_EXITED) return "ended with exit code " + std::to_string(info.si_status);
  return "killed by signal " + std::to_string(info.si_status);
}

std::string pid_namespace() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
}

Result<std::optional<ProcessId>> process_holding(const std::string& path, std::optional<pid_t> likely, pid_t except) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return system_error("cannot look at", path, errno);
  if (likely && *likely != except && *likely > 0) {
    const auto held = holds(*likely, path, file);
    if (!held) return held.error();
    if (*held) return process_with(*likely);
  }
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc", error), end;
  for (; !error && entries != end; entries.increment(error)) {
    const pid_t pid = std::atoi(entries->path().filename().c_str());
    if (pid <= 0 || pid == except || pid == ::getpid()) continue;
    const auto held = holds(pid, path, file);
    if (!held) return held.error();
    if (!*held) continue;
    if (const auto found = process_with(pid)) return found;
  }
  if (error) return cannot_look(error);
  return std::optional<ProcessId>{};
}

}  // namespace neonvm::local
