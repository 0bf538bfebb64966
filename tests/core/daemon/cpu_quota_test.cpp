#include "core/daemon/cpu_quota.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/support/catch.hpp"
#include "tests/support/temp_dir.hpp"

using namespace neonvm;
using daemon::CpuCgroup;
using daemon::CpuQuota;
using daemon::find_cpu_cgroup;

namespace {

namespace fs = std::filesystem;

constexpr const char* mounts_v1 =
    "30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "31 30 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
    "32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
    "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
constexpr const char* mounts_v2 = "28 24 0:25 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

std::string read(const fs::path& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

// What a process without anything to wait for does.
class Spinner {
 public:
  Spinner() : pid_(::fork()) {
    if (pid_ != 0) return;
    const volatile bool on = true;
    while (on) {
    }
  }
  ~Spinner() { end(); }
  Spinner(const Spinner&) = delete;
  Spinner& operator=(const Spinner&) = delete;
  [[nodiscard]] pid_t pid() const { return pid_; }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

std::uint64_t throttled(const std::string& folder) {
  std::istringstream words(read(folder + "/cpu.stat"));
  std::string key;
  for (std::uint64_t value = 0; words >> key >> value;)
    if (key == "nr_throttled") return value;
  return 0;
}

}  // namespace

TEST_CASE("the cgroup that can limit CPU time is found, however the host has its hierarchies") {
  const auto found = [](const char* cgroups, const char* mounts) { return find_cpu_cgroup(cgroups, mounts).value(); };
  CHECK(found("4:cpu,cpuacct:/user/a\n3:cpuset:/b\n0::/c\n", mounts_v1) == CpuCgroup{false, "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/user/a"});
  CHECK(found("1:cpu,cpuacct:/\n", mounts_v1).folder == "/sys/fs/cgroup/cpu,cpuacct");
  CHECK(found("0::/user.slice/x.scope\n", mounts_v2) == CpuCgroup{true, "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/x.scope"});
  CHECK(found("0::/\n", mounts_v2).folder == "/sys/fs/cgroup");
  // A container that is told its path from the top of the hierarchy, and shown only its part.
  CHECK(found("4:cpu,cpuacct:/kubepods/pod1/c\n", "32 30 0:28 /kubepods/pod1/c /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n").folder ==
        "/sys/fs/cgroup/cpu,cpuacct");
  for (const char* mounts : {"", "nonsense\n", "1 2 3 4 5 -\n", "31 30 0:27 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"}) {
    INFO(mounts);
    CHECK(find_cpu_cgroup("4:cpu,cpuacct:/\n0::/\n", mounts).error().code == Code::unsupported);
  }
  CHECK_FALSE(find_cpu_cgroup("", mounts_v2).ok());
  CHECK_FALSE(find_cpu_cgroup("3:cpuset:/\n", mounts_v1).ok());
}

TEST_CASE("under v2 a quota is one line, in a group below ours") {
  const TempDir dir;
  const fs::path root = dir.path(), own = root / "sys/fs/cgroup/pod/container", group = own / "neonvm-qemu-4711";
  write(root / "proc/self/cgroup", "0::/pod/container\n");
  write(root / "proc/self/mountinfo", mounts_v2);
  write(own / "cgroup.controllers", "cpuset cpu io memory\n");
  write(own / "cgroup.subtree_control", "");
  // The kernel makes these.
  write(group / "cgroup.procs", "");
  write(group / "cpu.max", "max 100000\n");
  const auto quota = CpuQuota::around(4711, {root.string()});
  INFO((quota ? "" : quota.error().message));
  REQUIRE(quota);
  CHECK(quota->folder() == group.string());
  CHECK(read(own / "cgroup.subtree_control") == "+cpu");
  CHECK(read(group / "cgroup.procs") == "4711");
  REQUIRE(quota->limit(MilliCpu{250}));
  CHECK(read(group / "cpu.max").starts_with("35000 100000"));
  REQUIRE(quota->limit(MilliCpu{2000}));
  CHECK(read(group / "cpu.max").starts_with("210000 100000"));
}

TEST_CASE("under v2 nothing is done where the cpu controller is not ours, and the reason is told") {
  const TempDir dir;
  const fs::path root = dir.path(), own = root / "sys/fs/cgroup/session.scope";
  write(root / "proc/self/cgroup", "0::/session.scope\n");
  write(root / "proc/self/mountinfo", mounts_v2);
  write(own / "cgroup.controllers", "memory pids\n");
  const auto refused = CpuQuota::around(4711, {root.string()});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::unsupported);
  CHECK_THAT(refused.error().message, Catch::Contains("cpu controller is not delegated"));
  // It is there, and may not be handed on: somebody else's group.
  write(own / "cgroup.controllers", "cpu\n");
  CHECK_THAT(CpuQuota::around(4711, {root.string()}).error().message, Catch::Contains("cgroup.subtree_control"));
  CHECK_FALSE(fs::exists(own / "neonvm-qemu-4711"));
}

TEST_CASE("a real process takes no more than its quota, and its group goes with it") {
  Spinner spinner;
  const auto quota = CpuQuota::around(spinner.pid());
  if (!quota) {
    WARN("no cgroup here can limit CPU time: " + quota.error().message);
    return;
  }
  CHECK_THAT(read(quota->folder() + "/cgroup.procs"), Catch::Contains(std::to_string(spinner.pid())));
  REQUIRE(quota->limit(MilliCpu{100}));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (throttled(quota->folder()) < 2 && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(throttled(quota->folder()) >= 2);
  // Whoever comes after the one that made it finds it.
  const auto again = CpuQuota::around(spinner.pid());
  REQUIRE(again);
  CHECK(again->folder() == quota->folder());
  REQUIRE(again->limit(MilliCpu{1000}));
  CHECK_FALSE(quota->remove());
  spinner.end();
  CHECK(quota->remove());
  CHECK_FALSE(fs::exists(quota->folder()));
  CHECK(quota->remove());
}
