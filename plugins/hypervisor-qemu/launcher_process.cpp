// QEMU as a direct child, in a session of its own, so that neither a signal to the runner's group nor its end is
// QEMU's end.
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/command_line.hpp"
#include "plugins/hypervisor-qemu/launcher.hpp"
#include "plugins/hypervisor-qemu/named_descriptors.hpp"
#include "plugins/hypervisor-qemu/unix_socket.hpp"

namespace neonvm::qemu {

namespace {
// Descriptors on their way into the child, all close-on-exec here: another thread may exec something meanwhile.
struct Inheritance {
  UniqueFd monitor, oob_monitor, guest, console, lock, log, null;
  std::vector<int> named;  // not ours to close; under the numbers that they have
};

Result<UniqueFd> socket_above_all(const std::string& path) {
  if (path.empty()) return UniqueFd();
  auto socket = listen_at(path);
  if (!socket) return socket.error();
  // Above the numbers that the child's copies get, so that none is overwritten before it is copied.
  UniqueFd high(::fcntl(socket->get(), F_DUPFD_CLOEXEC, 32));
  if (!high) return Error{Code::out_of_capacity, path + ": " + std::strerror(errno)};
  return high;
}

Result<UniqueFd> file_above_all(const std::string& path, int flags) {
  UniqueFd file(::open(path.c_str(), flags | O_CLOEXEC, 0600));
  UniqueFd high(file ? ::fcntl(file.get(), F_DUPFD_CLOEXEC, 32) : -1);
  if (!high) return Error{Code::internal, path + ": " + std::strerror(errno)};
  return high;
}

Result<Inheritance> prepare(const MachineSpec& spec) {
  const RunDir paths(spec.run_dir);
  Inheritance all;
  all.named = named_descriptors(spec);
  // The lock first: nothing of a live machine may be touched.
  auto lock = take_lock(paths.lock);
  if (!lock) return lock.error().at("a machine lives in " + spec.run_dir);
  // One that libvirt owns has no lock here, and a monitor that answers.
  if (connect_to(paths.oob_monitor)) return Error{Code::already_exists, "a machine lives in " + spec.run_dir};
  all.lock.reset(::fcntl(lock->get(), F_DUPFD_CLOEXEC, 32));
  if (::ftruncate(all.lock.get(), 0) != 0) return Error{Code::internal, paths.lock + ": " + std::strerror(errno)};
  struct Wanted {
    UniqueFd* fd;
    std::string path;
  };
  for (auto& [fd, path] : {Wanted{&all.monitor, paths.monitor}, Wanted{&all.oob_monitor, paths.oob_monitor},
                           Wanted{&all.guest, spec.guest_socket}, Wanted{&all.console, spec.console_socket}}) {
    auto socket = socket_above_all(path);
    if (!socket) return socket.error();
    *fd = std::move(*socket);
  }
  auto log = file_above_all(paths.log, O_WRONLY | O_CREAT | O_APPEND);
  auto null = file_above_all("/dev/null", O_RDONLY);
  if (!log) return log.error();
  if (!null) return null.error();
  all.log = std::move(*log);
  all.null = std::move(*null);
  return all;
}

// From here to the end of `become_qemu`: between fork and exec of a program with threads, so nothing but system calls.

// "<pid> <start time>\n" of this process into the lock file.
bool write_id(int lock) {
  std::array<char, 1024> stat{};
  const int file = ::open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t n = ::read(file, stat.data(), stat.size() - 1);
  ::close(file);
  if (n <= 0) return false;
  const char* const first_blank = static_cast<const char*>(std::memchr(stat.data(), ' ', static_cast<std::size_t>(n)));
  const char* at = ::strrchr(stat.data(), ')');
  if (first_blank == nullptr || at == nullptr) return false;
  ++at;
  for (int field = 2; field < 21; ++field) {
    at = ::strchr(at + 1, ' ');
    if (at == nullptr) return false;
  }
  ++at;
  const char* const end = ::strchr(at, ' ');
  if (end == nullptr) return false;
  std::array<char, 64> line{};
  char* to = std::copy(static_cast<const char*>(stat.data()), first_blank + 1, line.data());
  to = std::copy(at, end, to);
  *to++ = '\n';
  const auto length = static_cast<std::size_t>(to - line.data());
  return ::pwrite(lock, line.data(), length, 0) == static_cast<ssize_t>(length);
}

struct Copy {
  int from, to;
};

void fail_child(int pipe) {
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(pipe, &error, sizeof error);
  ::_exit(127);
}

void become_qemu(const Inheritance& all, const char* run_dir, char* const* argv, char* const* env, int error_pipe) {
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) ::signal(number, SIG_DFL);
  if (::chdir(run_dir) != 0) fail_child(error_pipe);
  const std::array<Copy, 8> copies{Copy{all.null.get(), 0},
                                   Copy{all.log.get(), 1},
                                   Copy{all.log.get(), 2},
                                   Copy{all.monitor.get(), monitor_fd},
                                   Copy{all.oob_monitor.get(), oob_monitor_fd},
                                   Copy{all.guest.get(), guest_fd},
                                   Copy{all.console.get(), console_fd},
                                   Copy{all.lock.get(), lock_fd}};
  for (const Copy& copy : copies) {
    if (copy.from >= 0 && ::dup2(copy.from, copy.to) < 0) fail_child(error_pipe);
  }
  if (!write_id(lock_fd)) fail_child(error_pipe);
#ifdef SYS_close_range
  // What others in this process forgot to mark.
  constexpr unsigned cloexec = 4;  // CLOSE_RANGE_CLOEXEC
  ::syscall(SYS_close_range, lock_fd + 1, ~0U, cloexec);
#endif
  for (const int descriptor : all.named) {
    if (::fcntl(descriptor, F_SETFD, 0) != 0) fail_child(error_pipe);
  }
  ::execve(argv[0], argv, env);
  fail_child(error_pipe);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> environment() {
  std::vector<std::string> env{"LC_ALL=C"};
  for (const char* name : {"PATH", "HOME", "TMPDIR"}) {
    if (const char* value = std::getenv(name)) env.push_back(std::string(name) + "=" + value);
  }
  return env;
}

class ProcessLauncher final : public Launcher {
 public:
  explicit ProcessLauncher(Settings settings) : settings_(std::move(settings)) {}

  Result<std::shared_ptr<WatchedProcess>> launch(const MachineSpec& spec, const LaunchFacts& facts,
                                                 Deadline deadline) override;
  Result<std::shared_ptr<WatchedProcess>> find(const MachineSpec& spec, Deadline deadline) override;

 private:
  const Settings settings_;
};

// Ends when the child has exec'ed (the pipe closes) or says why it could not.
Status await_exec(int pipe, const std::string& program, Deadline deadline) {
  pollfd wait{pipe, POLLIN, 0};
  while (::poll(&wait, 1, poll_timeout(deadline)) < 0 && errno == EINTR) {
  }
  if (wait.revents == 0) return Error{Code::deadline_exceeded, program + " did not start in time"};
  int error = 0;
  if (::read(pipe, &error, sizeof error) != static_cast<ssize_t>(sizeof error)) return {};
  const Code code = error == ENOENT ? Code::not_found : error == EACCES ? Code::permission_denied : Code::internal;
  return Error{code, "cannot start " + program + ": " + std::strerror(error)};
}

Result<std::shared_ptr<WatchedProcess>> ProcessLauncher::launch(const MachineSpec& spec, const LaunchFacts& facts,
                                                                Deadline deadline) {
  auto argv = command_line(spec, facts, settings_);
  if (!argv) return argv.error();
  auto inheritance = prepare(spec);
  if (!inheritance) return inheritance.error();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error{Code::out_of_capacity, std::strerror(errno)};
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(::fcntl(ends[1], F_DUPFD_CLOEXEC, 32));
  ::close(ends[1]);

  std::vector<std::string> words = *argv, env_words = environment();
  const auto arguments = pointers(words), env = pointers(env_words);
  const pid_t child = ::fork();
  if (child < 0) return Error{Code::out_of_capacity, std::string("fork: ") + std::strerror(errno)};
  if (child == 0) {
    become_qemu(*inheritance, spec.run_dir.c_str(), arguments.data(), env.data(), write_end.get());
  }
  write_end.reset();
  const auto started = await_exec(read_end.get(), argv->front(), deadline);
  // Of a child that could not exec there is perhaps no start time any more; it is reaped all the same.
  auto process = WatchedProcess::adopt(identify(child).value_or(ProcessId{child, 0}));
  if (started) return process;
  process->signal(SIGKILL);
  return started.error();
}

Result<std::shared_ptr<WatchedProcess>> ProcessLauncher::find(const MachineSpec& spec, Deadline) {
  auto id = lock_holder(RunDir(spec.run_dir).lock);
  if (!id) return id.error();
  auto process = *id ? WatchedProcess::find(**id) : nullptr;
  if (!process) return Error{Code::not_found, "no QEMU lives in " + spec.run_dir};
  return process;
}
}  // namespace

std::unique_ptr<Launcher> make_process_launcher(const Settings& settings) {
  return std::make_unique<ProcessLauncher>(settings);
}

Result<std::unique_ptr<Launcher>> make_launcher(const Settings& settings) {
  if (settings.owner == Owner::process) return make_process_launcher(settings);
  return Error{Code::unsupported, "qemu plugin: owner = \"libvirt\" needs the plugin \"libvirt\": choose it as the hypervisor"};
}

}  // namespace neonvm::qemu
