#include "guest/process_setup.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>

namespace neonvm::guest {
namespace {

constexpr int eager = -10;

void set_oom_score(const char* text, std::size_t length) {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t put = ::write(fd, text, length);
  ::close(fd);
}

}  // namespace

void keep_standard_open() {
  int fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd < 2) fd = ::dup(fd);
  if (fd > 2) ::close(fd);
}

void harden_process() {
  keep_standard_open();
  ::prctl(PR_SET_NAME, "neonvm-monitor");
  ::signal(SIGPIPE, SIG_IGN);
  set_oom_score("-1000", 5);
  ::setpriority(PRIO_PROCESS, 0, eager);
  // ONFAULT: only what is used, not the whole address space with its thread stacks.
  ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

void soften_child() {
  set_oom_score("0", 1);
  ::setpriority(PRIO_PROCESS, 0, 0);
}

bool take_owner(const Owner& owner) {
  return ::setgroups(owner.groups.size(), owner.groups.data()) == 0 && ::setgid(owner.gid) == 0 && ::setuid(owner.uid) == 0;
}

std::string random_session() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    number = static_cast<std::uint64_t>(::getpid());
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace neonvm::guest
