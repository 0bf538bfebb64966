#include "core/daemon/cpu_quota.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace neonvm::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t period_us = 100'000;
constexpr std::uint64_t least_quota_us = 1'000;  // the kernel's
constexpr MilliCpu beside_vcpus{100};
constexpr const char* leaf_name = "/neonvm-runner";

std::vector<std::string> parts_of(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool has_cpu(const std::string& list, char separator) {
  const auto all = parts_of(list, separator);
  return std::find(all.begin(), all.end(), "cpu") != all.end();
}

// Of a line of mountinfo (proc(5)): "36 35 0:31 ROOT MOUNT-POINT OPTIONS … - TYPE SOURCE SUPER-OPTIONS".
struct Mount {
  std::string root, point, type, options;
};
std::vector<Mount> mounts_in(std::string_view text) {
  std::vector<Mount> found;
  for (const std::string& line : parts_of(text, '\n')) {
    const auto words = parts_of(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    found.push_back({words[3], words[4], dash[1], dash[3]});
  }
  return found;
}

// A container is shown a part of the hierarchy only, and perhaps told its path from the top all the same.
std::string below(const Mount& mount, const std::string& path) {
  const bool inside = mount.root != "/" && (path == mount.root || path.starts_with(mount.root + "/"));
  const std::string rest = inside ? path.substr(mount.root.size()) : path;
  return rest.empty() || rest == "/" ? mount.point : mount.point + rest;
}

std::string text_of(const std::string& path) {
  const std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Error failed(const std::string& path, int why) {
  const bool forbidden = why == EACCES || why == EPERM || why == EROFS;
  return {forbidden ? Code::permission_denied : Code::internal, path + ": " + std::strerror(why)};
}

// One write, as the kernel wants it. 0, or errno.
int write_to(const std::string& path, const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const ssize_t written = ::write(file, text.data(), text.size());
  const int why = written == static_cast<ssize_t>(text.size()) ? 0 : written < 0 ? errno : EIO;
  ::close(file);
  return why;
}

Status put(const std::string& path, const std::string& text) {
  const int why = write_to(path, text);
  return why == 0 ? Status{} : Status(failed(path, why));
}

Status make_group(const std::string& folder) {
  if (::mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return failed(folder, errno);
}

bool gives_cpu(const std::string& folder) {
  std::string list = text_of(folder + "/cgroup.subtree_control");
  while (!list.empty() && list.back() == '\n') list.pop_back();
  return has_cpu(list, ' ');
}

// Whether nobody else's process is in the group: of this program, or the QEMU.
bool only_ours(const std::string& folder, std::int64_t pid, const CgroupPlace& place) {
  std::error_code error;
  const fs::path own = fs::read_symlink(place.program, error);
  for (const std::string& process : parts_of(text_of(folder + "/cgroup.procs"), '\n')) {
    if (process.empty() || process == std::to_string(pid)) continue;
    const fs::path other = fs::read_symlink(place.root + "/proc/" + process + "/exe", error);
    if (error || own.empty() || other != own) return false;
  }
  return true;
}

Status move_out(const std::string& folder, std::int64_t pid) {
  const std::string leaf = folder + leaf_name;
  if (Status made = make_group(leaf); !made) return made;
  for (const std::string& process : parts_of(text_of(folder + "/cgroup.procs"), '\n')) {
    if (process.empty() || process == std::to_string(pid)) continue;
    // One that has ended meanwhile is no trouble.
    if (const int why = write_to(leaf + "/cgroup.procs", process); why != 0 && why != ESRCH) return failed(leaf + "/cgroup.procs", why);
  }
  return {};
}

// The group below which one with the cpu controller can be made (v2).
Result<std::string> parent_of(const CpuCgroup& own, std::int64_t pid, const CgroupPlace& place) {
  // Another of our processes may have moved us out of it.
  const std::string folder = own.folder.ends_with(leaf_name) ? own.folder.substr(0, own.folder.size() - std::strlen(leaf_name)) : own.folder;
  if (gives_cpu(folder)) return folder;
  const std::string control = "/cgroup.subtree_control";
  int why = write_to(folder + control, "+cpu");
  if (why == EBUSY && only_ours(folder, pid, place)) {
    if (Status moved = move_out(folder, pid); !moved) return moved.error();
    why = write_to(folder + control, "+cpu");
  }
  if (why == 0) return folder;
  const std::string apart = own.mount + "/neonvm";
  if (gives_cpu(own.mount) && make_group(apart) && put(apart + control, "+cpu")) return apart;
  return failed(folder + control, why);
}

Error with_hint(Error error) {
  if (error.code == Code::permission_denied)
    error.message += "; CPU quotas need a cgroup of one's own: root, or systemd-run --user --scope -p Delegate=yes …";
  return error;
}

}  // namespace

Result<CpuCgroup> find_cpu_cgroup(std::string_view cgroups, std::string_view mounts) {
  const auto all = mounts_in(mounts);
  for (const bool unified : {false, true}) {
    for (const std::string& line : parts_of(cgroups, '\n')) {
      const std::size_t first = line.find(':'), second = line.find(':', first + 1);
      if (first == std::string::npos || second == std::string::npos) continue;
      const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
      const bool fits = unified ? line.starts_with("0::") : has_cpu(controllers, ',');
      for (const Mount& mount : all) {
        const bool right = unified ? mount.type == "cgroup2" : mount.type == "cgroup" && has_cpu(mount.options, ',');
        if (fits && right) return CpuCgroup{unified, mount.point, below(mount, path)};
      }
    }
  }
  return Error{Code::unsupported, "no cgroup hierarchy with the cpu controller is mounted here"};
}

Result<CpuQuota> CpuQuota::around(std::int64_t pid, const CgroupPlace& place) {
  auto own = find_cpu_cgroup(text_of(place.root + "/proc/self/cgroup"), text_of(place.root + "/proc/self/mountinfo"));
  if (!own) return own.error();
  own->mount = place.root + own->mount;
  own->folder = place.root + own->folder;
  if (own->unified && !has_cpu(parts_of(text_of(own->folder + "/cgroup.controllers"), '\n').front(), ' '))
    return Error{Code::unsupported, own->folder + ": the cpu controller is not delegated to this group"};
  const auto parent = own->unified ? parent_of(*own, pid, place) : Result<std::string>(own->folder);
  if (!parent) return with_hint(parent.error());
  const std::string name = "neonvm-qemu-" + std::to_string(pid);
  CpuQuota quota(own->unified, *parent + "/" + name);
  if (Status made = make_group(quota.folder_); !made) return with_hint(made.error());
  if (Status moved = put(quota.folder_ + "/cgroup.procs", std::to_string(pid)); !moved) {
    (void)quota.remove();
    return with_hint(moved.error());
  }
  return quota;
}

Status CpuQuota::limit(MilliCpu size) const {
  const std::uint64_t share = std::uint64_t{size.value} + beside_vcpus.value;
  const std::string quota = std::to_string(std::max(share * period_us / 1000, least_quota_us)), period = std::to_string(period_us);
  if (unified_) return put(folder_ + "/cpu.max", quota + " " + period);
  if (Status set = put(folder_ + "/cpu.cfs_period_us", period); !set) return set;
  return put(folder_ + "/cpu.cfs_quota_us", quota);
}

Status CpuQuota::remove() const {
  if (::rmdir(folder_.c_str()) == 0 || errno == ENOENT) return {};
  return failed(folder_, errno);
}

}  // namespace neonvm::daemon
