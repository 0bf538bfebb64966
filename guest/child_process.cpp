#include "guest/child_process.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "guest/process_setup.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What the child uses between fork and exec, made before: after fork only async-signal-safe calls are allowed.
struct Launch {
  std::string program;                // its path
  std::vector<char*> argv, env;
  std::string terminal;               // path of its end of the pseudo-terminal; empty: pipes
  int in = -1, out = -1, err = -1;
  int report = -1;                    // the errno of a failed exec goes here
  const Owner* owner = nullptr;
  const char* workdir = nullptr;
};

constexpr const char* own_name = "neonvm";

std::vector<std::string> environment_of(const ChildOrder& order) {
  std::map<std::string, std::string> all = {{"PATH", search_path}, {"HOME", "/root"}};
  if (order.tty) all["TERM"] = "xterm";
  for (const auto& [name, value] : order.env) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

// Before the fork, because the child may not allocate; and by the PATH that the child gets, not by ours.
Result<std::string> find_program(const ChildOrder& order) {
  const std::string& name = order.argv[0];
  if (name.find('/') != std::string::npos) return name;
  const auto given = order.env.find("PATH");
  std::string_view path = given == order.env.end() ? search_path : std::string_view(given->second);
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    const std::string candidate = std::string(path.substr(0, end)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  // On a disk this program is nowhere: it runs from the initramfs that was left behind.
  if (name == own_name) return std::string("/proc/self/exe");
  return Error{Code::not_found, name + ": no such program in the guest's PATH"};
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

void take_terminal(Launch& launch) {
  const int terminal = ::open(launch.terminal.c_str(), O_RDWR | O_CLOEXEC);
  if (terminal < 0) return;
  ::ioctl(terminal, TIOCSCTTY, 0);
  launch.in = launch.out = launch.err = terminal;
}

[[noreturn]] void become(Launch& launch) {
  ::setsid();
  soften_child();
  if (!launch.terminal.empty()) take_terminal(launch);
  // 0 to 2 are open in every process of ours (keep_standard_open), so none of these is one that is still needed.
  const bool in_place = ::dup2(launch.in, 0) >= 0 && ::dup2(launch.out, 1) >= 0 && ::dup2(launch.err, 2) >= 0;
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &plain, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (launch.workdir != nullptr) [[maybe_unused]] const int moved = ::chdir(launch.workdir);
  // Never run as root what was to be somebody else's.
  const bool owned = launch.owner == nullptr || take_owner(*launch.owner);
  if (in_place && owned) ::execve(launch.program.c_str(), launch.argv.data(), launch.env.data());
  const int why = errno;
  [[maybe_unused]] const ssize_t said = ::write(launch.report, &why, sizeof why);
  ::_exit(127);
}

struct Pipe {
  Fd read, write;
};

Status make_pipe(Pipe& made) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe", errno);
  made.read.reset(ends[0]);
  made.write.reset(ends[1]);
  return {};
}

void no_waiting(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Both ends of what the child talks through.
struct Ends {
  ChildPipes ours;
  Pipe in, out, err;
  std::string terminal;
};

Status open_terminal(const ChildOrder& order, Ends& ends) {
  ends.ours.input.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  const int controller = ends.ours.input.get();
  char name[64];
  if (controller < 0 || ::grantpt(controller) != 0 || ::unlockpt(controller) != 0 ||
      ::ptsname_r(controller, name, sizeof name) != 0) {
    return errno_error("no pseudo-terminal", errno);
  }
  ends.terminal = name;
  const winsize size{order.rows, order.columns, 0, 0};
  ::ioctl(controller, TIOCSWINSZ, &size);
  no_waiting(controller);
  ends.ours.output.reset(::fcntl(controller, F_DUPFD_CLOEXEC, 3));
  return {};
}

Status open_pipes(Ends& ends) {
  for (Pipe* pipe : {&ends.in, &ends.out, &ends.err}) {
    if (const Status made = make_pipe(*pipe); !made) return made;
  }
  ends.ours.input = std::move(ends.in.write);
  ends.ours.output = std::move(ends.out.read);
  ends.ours.error = std::move(ends.err.read);
  for (const Fd* fd : {&ends.ours.input, &ends.ours.output, &ends.ours.error}) no_waiting(fd->get());
  return {};
}

// Empty: the exec has happened, which closed the pipe.
int exec_errno(int report) {
  int why = 0;
  ssize_t got = -1;
  do {
    got = ::read(report, &why, sizeof why);
  } while (got < 0 && errno == EINTR);
  return got == static_cast<ssize_t>(sizeof why) ? why : 0;
}

}  // namespace

Result<StartedChild> start_child(const ChildOrder& order) {
  if (order.argv.empty() || order.argv[0].empty()) return Error{Code::invalid_argument, "no command was given"};
  const auto program = find_program(order);
  if (!program) return program.error();
  Ends ends;
  if (const Status opened = order.tty ? open_terminal(order, ends) : open_pipes(ends); !opened) return opened.error();
  Pipe report;
  if (const Status made = make_pipe(report); !made) return made.error();
  auto argv = order.argv;
  auto env = environment_of(order);
  Launch launch{*program,           pointers_to(argv),    pointers_to(env),     ends.terminal,
                ends.in.read.get(), ends.out.write.get(), ends.err.write.get(), report.write.get(),
                order.owner ? &*order.owner : nullptr, order.workdir.empty() ? nullptr : order.workdir.c_str()};
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("fork", errno);
  if (pid == 0) become(launch);
  report.write.reset();
  if (const int why = exec_errno(report.read.get()); why != 0) {
    ::waitpid(pid, nullptr, 0);
    return errno_error(order.argv[0], why);
  }
  // Ours as long as it is not waited for, so the number cannot have been given to another process.
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    const int why = errno;
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return errno_error("pidfd", why);
  }
  return StartedChild{std::make_unique<ChildProcess>(pid, std::move(pidfd), order.tty), std::move(ends.ours)};
}

ChildProcess::~ChildProcess() {
  if (running_) ::kill(-pid_, SIGHUP);
}

void ChildProcess::on_exit(runtime::Loop& loop, std::function<void(int)> exited) {
  exited_ = std::move(exited);
  watch_ = loop.watch_readable(pidfd_.get(), [this] { reap(); });
}

void ChildProcess::reap() {
  int status = 0;
  const pid_t got = ::waitpid(pid_, &status, WNOHANG);
  if (got == 0) return;
  running_ = false;
  watch_ = runtime::FdWatch();
  const int code = got < 0 ? 255 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  const auto exited = std::move(exited_);
  exited(code);
}

void ChildProcess::signal(int number, int terminal) const {
  if (!running_ || number <= 0 || number >= NSIG) return;
  const pid_t front = tty_ && terminal >= 0 ? ::tcgetpgrp(terminal) : -1;
  ::kill(front > 0 ? -front : -pid_, number);
}

}  // namespace neonvm::guest
