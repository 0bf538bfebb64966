#include "plugins/hypervisor-qemu/run_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "core/model/resources.hpp"
#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

namespace {
// It goes when the thread that waits for it goes: a process that is killed leaves no program behind.
Result<pid_t> spawn(const std::vector<std::string>& argv, int output, const std::vector<int>& inherited) {
  const auto program = find_program(argv[0]);
  if (!program) return program.error();
  std::vector<std::string> words = argv;
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error{Code::out_of_capacity, "cannot start " + argv[0] + ": " + std::strerror(errno)};
  if (pid > 0) return pid;
  // Only what is safe after a fork of a process with threads.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::dup2(nothing.get(), 0);
  ::dup2(output, 1);
  ::dup2(output, 2);
  for (const int descriptor : inherited) ::fcntl(descriptor, F_SETFD, 0);
  ::execv(program->c_str(), pointers.data());
  ::_exit(127);
}

// Until the program has closed its output; false when the deadline came first.
bool gather(int from, std::string& output, Deadline deadline) {
  constexpr std::size_t most = 64 * kib;
  std::array<char, 4096> buffer;
  while (true) {
    pollfd wait{from, POLLIN, 0};
    if (::poll(&wait, 1, poll_timeout(deadline)) < 0 && errno != EINTR) return false;
    if (wait.revents == 0) {
      if (clock_now() >= deadline) return false;
      continue;
    }
    const ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n == 0) return true;
    if (n > 0 && output.size() < most) output.append(buffer.data(), static_cast<std::size_t>(n));
  }
}
}  // namespace

Result<ProgramEnd> run_program(const std::vector<std::string>& argv, Deadline deadline,
                               const std::vector<int>& inherited) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Error{Code::out_of_capacity, std::strerror(errno)};
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  auto pid = spawn(argv, write_end.get(), inherited);
  if (!pid) return pid.error();
  write_end.reset();
  ProgramEnd end;
  const bool in_time = gather(read_end.get(), end.output, deadline);
  if (!in_time) ::kill(*pid, SIGKILL);
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return Error{Code::deadline_exceeded, argv[0] + " did not end in time"};
  end.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return end;
}

Result<std::string> find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (::access(name.c_str(), X_OK) == 0) return name;
    return Error{Code::not_found, name + " cannot be run: " + std::strerror(errno)};
  }
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return Error{Code::not_found, "there is no program " + name + " in PATH"};
}

}  // namespace neonvm::qemu
