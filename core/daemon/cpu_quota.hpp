// CpuQuota: how much CPU time a QEMU may take, by a cgroup of its own (cgroup v2's cpu.max, v1's cpu.cfs_quota_us).
//
// Used by Runner, in a call at a time from any thread; the files are the kernel's, and writing them may take milliseconds. The group is
// "neonvm-qemu-PID" below the group that this process is in, so a container keeps to what its pod was given, and a user to what was
// delegated; a successor of the runner finds the one that is there. Under v2 a group has processes or controllers for its children,
// never both: where only this program's own processes are in ours, they go to "neonvm-runner" below it first; elsewhere, and with the
// right to it, the group is made in "/neonvm". Failure: names the file and the reason; unsupported, and permission_denied with
// what to do, when there is nothing here that could be used. Nothing is half done then: QEMU runs on without a limit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::daemon {

// A group of the hierarchy that has the cpu controller.
struct CpuCgroup {
  bool unified = false;              // v2
  std::string mount;                 // of the hierarchy
  std::string folder;                // of the group that the process is in; `mount` or below it

  friend bool operator==(const CpuCgroup&, const CpuCgroup&) = default;
};

// From the texts of /proc/self/cgroup and /proc/self/mountinfo. A v1 hierarchy with cpu goes before v2, which then has none.
// Pure. unsupported: there is neither.
Result<CpuCgroup> find_cpu_cgroup(std::string_view cgroups, std::string_view mounts);

// Where they are; a folder before every path in tests.
struct CgroupPlace {
  std::string root{};
  std::string program = "/proc/self/exe";
};

class CpuQuota {
 public:
  // Takes the process with all its threads into its group, which has no limit yet.
  static Result<CpuQuota> around(std::int64_t pid, const CgroupPlace& place = {});

  // That much and a tenth of a CPU: QEMU's own threads are no vCPUs, and a guest must not stand still for them.
  [[nodiscard]] Status limit(MilliCpu size) const;
  // Once the process has ended.
  [[nodiscard]] Status remove() const;
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  CpuQuota(bool unified, std::string folder) : unified_(unified), folder_(std::move(folder)) {}

  bool unified_;
  std::string folder_;
};

}  // namespace neonvm::daemon
