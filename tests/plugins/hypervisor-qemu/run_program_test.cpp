// Short programs, and what is remembered of one of them: whether QEMU boots with KVM.
#include "plugins/hypervisor-qemu/run_program.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/kvm_verdict.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

namespace neonvm::qemu {
namespace {

Deadline in_seconds(int n) { return clock_now() + std::chrono::seconds(n); }

TEST_CASE("a program's end and words are told") {
  const auto end = run_program({"sh", "-c", "echo out; echo err >&2; exit 3"}, in_seconds(20));
  REQUIRE(end.ok());
  CHECK(end->status == 3);
  CHECK(end->output == "out\nerr\n");
  CHECK(run_program({"sh", "-c", "kill -9 $$"}, in_seconds(20))->status == 137);
  CHECK(run_program({"sleep", "60"}, clock_now() + std::chrono::milliseconds(50)).error().code == Code::deadline_exceeded);
  CHECK(run_program({"there-is-no-such-program"}, in_seconds(20)).error().code == Code::not_found);
}

TEST_CASE("a program goes with the process that waits for it") {
  const TempDir folder;
  const std::string file = (folder.path() / "pid").string();
  const pid_t waiting = ::fork();
  if (waiting == 0) {
    (void)run_program({"sh", "-c", "echo $$ >" + file + ".new; mv " + file + ".new " + file + "; exec sleep 60"}, in_seconds(60));
    ::_exit(0);
  }
  const Deadline deadline = in_seconds(20);
  while (!std::filesystem::exists(file) && clock_now() < deadline) std::this_thread::yield();
  pid_t program = 0;
  std::ifstream(file) >> program;
  REQUIRE(program > 0);
  const UniqueFd watched(static_cast<int>(::syscall(SYS_pidfd_open, program, 0)));
  REQUIRE(watched);
  ::kill(waiting, SIGKILL);
  pollfd ended{watched.get(), POLLIN, 0};
  CHECK(::poll(&ended, 1, 20'000) == 1);
  ::waitpid(waiting, nullptr, 0);
}

TEST_CASE("the verdict on KVM is kept for its circumstances, a bad one for an hour") {
  const TempDir folder;
  const char* const before = std::getenv("XDG_CACHE_HOME");
  const std::string kept = before != nullptr ? before : "";
  REQUIRE(::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1) == 0);
  const std::int64_t now = std::time(nullptr);

  Settings settings;
  settings.binary = "/bin/sh";
  const std::string here = kvm_circumstances(settings);
  CHECK_FALSE(here.empty());
  Settings other = settings;
  other.cpu = "max";
  CHECK(kvm_circumstances(other) != here);
  other.binary = "there-is-no-such-program";
  CHECK(kvm_circumstances(other).empty());

  CHECK_FALSE(remembered_kvm(here, now));
  remember_kvm(here, {"kvm", false, "it hangs\nfor ever", "try another"});
  const auto bad = remembered_kvm(here, now + 60);
  REQUIRE(bad);
  CHECK_FALSE(bad->works);
  CHECK(bad->detail == "it hangs");
  CHECK(bad->next_step == "try another");
  CHECK_FALSE(remembered_kvm(here, now + 3700));
  CHECK_FALSE(remembered_kvm(here, now - 3700));
  CHECK_FALSE(remembered_kvm(here + "x", now));
  remember_kvm(here, {"kvm", true, "a vCPU ran", ""});
  CHECK(remembered_kvm(here, now + 1'000'000)->works);
  std::ofstream(folder.path() / "neonvm" / "kvm") << here << "\n";
  CHECK_FALSE(remembered_kvm(here, now));

  if (kept.empty()) {
    ::unsetenv("XDG_CACHE_HOME");
  } else {
    ::setenv("XDG_CACHE_HOME", kept.c_str(), 1);
  }
}

}  // namespace
}  // namespace neonvm::qemu
