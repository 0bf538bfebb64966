#include "plugins/orchestrator-local/spawn.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <sstream>

#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

constexpr off_t largest_log = 8 << 20;

// All that the child needs, made before the fork: afterwards only async-signal-safe calls are allowed, because other
// threads of ours may have held any lock at that moment.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::string pid_file, fresh_pid_file, pid_file_rest;
  UniqueFd null, log, told_read, told_write;
};

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) != 0) return system_error("cannot run", name, errno);
    return name;
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{Code::not_found, "cannot run \"" + name + "\": no such program in PATH"};
}

UniqueFd open_log(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0 && found.st_size > largest_log) ::rename(path.c_str(), (path + ".1").c_str());
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

Result<Prepared> prepare(const SpawnOrder& order) {
  if (order.command.empty())
    return Error{Code::invalid_argument, "runnerCommand is empty; give the program and its arguments"};
  auto program = find_program(order.command.front());
  if (!program) return program.error();
  Prepared ready;
  ready.program = *program;
  for (const std::string& argument : order.command) ready.argv.push_back(const_cast<char*>(argument.c_str()));
  ready.argv.push_back(nullptr);
  ready.pid_file = order.pid_file;
  ready.fresh_pid_file = order.pid_file + ".new";
  ready.pid_file_rest = " " + order.pid_file_rest + "\n";
  ready.null = UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!ready.null) return system_error("cannot open", "/dev/null", errno);
  ready.log = open_log(order.log_file);
  if (!ready.log) return system_error("cannot open", order.log_file, errno);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe for", *program, errno);
  ready.told_read = UniqueFd(ends[0]);
  ready.told_write = UniqueFd(ends[1]);
  return ready;
}

// --- in the child: no allocation, no locks ---

bool put(int fd, const char* bytes, std::size_t length) {
  while (length > 0) {
    const ssize_t n = ::write(fd, bytes, length);
    if (n <= 0) return false;
    bytes += n;
    length -= static_cast<std::size_t>(n);
  }
  return true;
}

bool put_number(int fd, std::uint64_t number) {
  char digits[20];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return put(fd, digits + at, sizeof digits - at);
}

std::uint64_t own_start() {
  const int fd = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  const ssize_t n = ::read(fd, text, sizeof text);
  ::close(fd);
  return n > 0 ? start_from_stat(text, static_cast<std::size_t>(n)) : 0;
}

bool write_pid_file(const Prepared& ready) {
  const int fd = ::open(ready.fresh_pid_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const bool written = put_number(fd, static_cast<std::uint64_t>(::getpid())) && put(fd, " ", 1) &&
                       put_number(fd, own_start()) && put(fd, ready.pid_file_rest.data(), ready.pid_file_rest.size());
  ::close(fd);
  return written && ::rename(ready.fresh_pid_file.c_str(), ready.pid_file.c_str()) == 0;
}

[[noreturn]] void become(const Prepared& ready) {
  ::setsid();
  ::umask(077);
  const bool tidy = write_pid_file(ready) && ::chdir("/") == 0 && ::dup2(ready.null.get(), 0) == 0 &&
                    ::dup2(ready.log.get(), 1) == 1 && ::dup2(ready.log.get(), 2) == 2 &&
                    ::close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC) == 0;
  if (tidy) {
    for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execv(ready.program.c_str(), ready.argv.data());
  }
  const int number = errno;
  (void)put(ready.told_write.get(), reinterpret_cast<const char*>(&number), sizeof number);
  ::_exit(127);
}

// --- in the parent again ---

// 0: the program runs (its exec closed the pipe); else the errno of what failed.
Result<int> await_exec(int fd, const std::string& program, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd one{fd, POLLIN, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, INT_MAX)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return Error{Code::deadline_exceeded, program + " did not begin in time"};
    int number = 0;
    const ssize_t n = ::read(fd, &number, sizeof number);
    if (n < 0 && errno == EINTR) continue;
    return n == sizeof number ? number : 0;
  }
}

}  // namespace

Result<ProcessId> spawn(const SpawnOrder& order, Deadline deadline) {
  auto ready = prepare(order);
  if (!ready) return ready.error();
  // Signals wait until the child has default handlers: ours must not run in it.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) become(*ready);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return system_error("cannot start a process for", ready->program, fork_error);
  ready->told_write.reset();
  const auto failed = await_exec(ready->told_read.get(), ready->program, deadline);
  if (!failed) return failed.error();
  if (*failed != 0) {
    ::unlink(order.pid_file.c_str());
    ::waitpid(pid, nullptr, 0);
    return system_error("cannot run", ready->program, *failed);
  }
  return process_with(pid).value_or(ProcessId{pid, 0});
}

}  // namespace neonvm::local
