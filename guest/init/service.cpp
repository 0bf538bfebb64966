#include "guest/init/service.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "guest/file_text.hpp"
#include "guest/init/say.hpp"
#include "guest/process_setup.hpp"

namespace neonvm::guest {
namespace {

constexpr Duration first_pause = std::chrono::milliseconds(100);
constexpr Duration longest_pause = std::chrono::seconds(5);
constexpr Duration good_run = std::chrono::seconds(10);

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

void set_descriptors(const std::string& terminal) {
  const bool own = !terminal.empty();
  const int fd = ::open(own ? terminal.c_str() : "/dev/null", O_RDWR);
  if (fd < 0) return;
  if (own) ::ioctl(fd, TIOCSCTTY, 1);
  ::dup2(fd, STDIN_FILENO);
  if (own) {
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
  }
  if (fd > STDERR_FILENO) ::close(fd);
}

void enter_workdir(const ServicePlan& plan) {
  if (plan.workdir.empty() || ::chdir(plan.workdir.c_str()) == 0) return;
  for (std::size_t slash = plan.workdir.find('/', 1); slash != std::string::npos; slash = plan.workdir.find('/', slash + 1)) {
    ::mkdir(plan.workdir.substr(0, slash).c_str(), 0755);
  }
  ::mkdir(plan.workdir.c_str(), 0755);
  if (::chdir(plan.workdir.c_str()) != 0) say(plan.name + ": " + plan.workdir + ": " + std::strerror(errno));
}

// Never run as root what was to be somebody else's.
void become_owner(const ServicePlan& plan) {
  if (take_owner(*plan.owner)) return;
  say(plan.name + ": cannot become user " + std::to_string(plan.owner->uid) + ": " + std::strerror(errno));
  ::_exit(126);
}

// PID 1 has one thread, so its child may allocate.
[[noreturn]] void become(ServicePlan& plan) {
  ::setsid();
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  set_descriptors(plan.terminal);
  enter_workdir(plan);
  if (plan.owner) become_owner(plan);
  for (std::string& variable : plan.env) ::putenv(variable.data());
  auto argv = pointers_to(plan.argv);
  const std::string& program = plan.program.empty() ? plan.argv[0] : plan.program;
  ::execvp(program.c_str(), argv.data());
  say(plan.name + ": " + program + ": " + std::strerror(errno));
  ::_exit(127);
}

}  // namespace

Duration RestartPace::after_run(Duration ran) {
  const bool fresh = ran >= good_run || next_ == Duration{};
  next_ = fresh ? first_pause : std::min(next_ * 2, longest_pause);
  return next_;
}

void Service::tend(Instant now) {
  if (!due_ || now < *due_) return;
  due_.reset();
  started_ = now;
  pid_ = ::fork();
  if (pid_ == 0) become(plan_);
  if (pid_ > 0) return;
  say(plan_.name + ": fork: " + std::strerror(errno));
  pid_ = 0;
  due_ = now + pace_.after_run(Duration{});
}

bool Service::ended(pid_t pid, int wait_status, Instant now) {
  if (pid != pid_) return false;
  pid_ = 0;
  say(plan_.name + " " + text_of_end(wait_status));
  if (plan_.restart) due_ = now + pace_.after_run(now - started_);
  return true;
}

void Service::stop() {
  plan_.restart = false;
  due_.reset();
  if (pid_ > 0) ::kill(-pid_, plan_.stop_signal);
}

void run_once(ServicePlan plan, Duration limit) {
  const pid_t pid = ::fork();
  if (pid == 0) become(plan);
  if (pid < 0) return say(plan.name + ": fork: " + std::strerror(errno));
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd watched{process.get(), POLLIN, 0};
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  if (process.valid() && ::poll(&watched, 1, static_cast<int>(milliseconds)) == 0) {
    return say(plan.name + " has not ended in " + std::to_string(milliseconds / 1000) + " s; going on");
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) == pid && status != 0) say(plan.name + " " + text_of_end(status));
}

std::string text_of_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "was killed by signal " + std::to_string(WTERMSIG(wait_status));
  return "ended with code " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace neonvm::guest
