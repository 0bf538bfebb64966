#include "plugins/hypervisor-qemu/watched_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "plugins/hypervisor-qemu/clock.hpp"

namespace neonvm::qemu {

namespace {
// The children of this process that have not ended, by pid. Never destroyed: reapers may outlive main().
struct Children {
  std::mutex mutex;
  std::map<pid_t, std::shared_ptr<WatchedProcess>> alive;
};
Children& children() {
  static auto* const all = new Children;
  return *all;
}
}  // namespace

std::optional<ProcessId> identify(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name in brackets may hold anything, brackets and blanks too; the last bracket ends it. Field 3 follows.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state, skipped;
  fields >> state;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  ProcessId id{pid, 0};
  if (!(fields >> id.start_time) || state == "Z" || state == "X") return std::nullopt;
  return id;
}

std::shared_ptr<WatchedProcess> WatchedProcess::adopt(ProcessId child) {
  const std::shared_ptr<WatchedProcess> process(new WatchedProcess(child, true));
  {
    const std::lock_guard lock(children().mutex);
    children().alive[child.pid] = process;
  }
  std::thread([process] { process->reap(); }).detach();
  return process;
}

std::shared_ptr<WatchedProcess> WatchedProcess::find(ProcessId process) {
  {
    const std::lock_guard lock(children().mutex);
    const auto found = children().alive.find(process.pid);
    if (found != children().alive.end() && found->second->id_ == process) return found->second;
  }
  std::shared_ptr<WatchedProcess> foreign(new WatchedProcess(process, false));
  // After the pidfd was taken: what it names now cannot change any more.
  if (identify(process.pid) != process) return nullptr;
  return foreign;
}

WatchedProcess::WatchedProcess(ProcessId id, bool child)
    : id_(id), child_(child), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, id.pid, 0))) {}

void WatchedProcess::reap() {
  siginfo_t info;
  // WNOWAIT: the pid stays ours until ended_ says that it must not be used any more.
  while (::waitid(P_PID, static_cast<id_t>(id_.pid), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  {
    const std::lock_guard lock(children().mutex);
    children().alive.erase(id_.pid);
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ::waitpid(id_.pid, &status_, 0);
  changed_.notify_all();
}

bool WatchedProcess::wait_end(Deadline deadline) {
  if (!child_) return wait_foreign(deadline);
  std::unique_lock lock(mutex_);
  return wait_until(changed_, lock, deadline, [this] { return ended_; });
}

bool WatchedProcess::wait_foreign(Deadline deadline) const {
  while (pidfd_) {
    // Not by its state in /proc: that is its first thread's, which may be dead while others still hold its files.
    pollfd wait{pidfd_.get(), POLLIN, 0};
    if (::poll(&wait, 1, poll_timeout(deadline)) > 0) return true;
    if (clock_now() >= deadline) return false;
  }
  // A kernel without pidfd tells nobody but the parent when a process ends.
  while (identify(id_.pid) == id_) {
    if (clock_now() >= deadline) return false;
    std::this_thread::sleep_until(sooner(deadline, std::chrono::milliseconds(20)));
  }
  return true;
}

std::string WatchedProcess::how_it_ended() {
  const std::lock_guard lock(mutex_);
  if (child_ && ended_ && WIFSIGNALED(status_)) {
    const int number = WTERMSIG(status_);
    return "QEMU was killed by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
  }
  if (child_ && ended_ && WIFEXITED(status_) && WEXITSTATUS(status_) != 0) {
    return "QEMU exited with status " + std::to_string(WEXITSTATUS(status_));
  }
  return "QEMU ended";
}

bool WatchedProcess::signal(int number) {
  if (child_) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    if (pidfd_) return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
    return ::kill(id_.pid, number) == 0;
  }
  if (pidfd_) return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
  return identify(id_.pid) == id_ && ::kill(id_.pid, number) == 0;
}

}  // namespace neonvm::qemu
