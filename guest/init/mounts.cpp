#include "guest/init/mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "guest/file_text.hpp"
#include "guest/init/say.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

struct KernelMount {
  const char* type;
  const char* at;
  unsigned long flags;
  const char* options;
};

constexpr unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
constexpr KernelMount kernel_mounts[] = {
    {"proc", "/proc", plain, ""},
    {"sysfs", "/sys", plain, ""},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755"},
    {"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"cgroup2", "/sys/fs/cgroup", plain, ""},
};

// /proc/mounts writes blanks in names as \040.
std::string unescaped(std::string_view text) {
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size();
    if (!escape) {
      name += text[i];
      continue;
    }
    name += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return name;
}

}  // namespace

void mount_kernel_file_systems() {
  for (const KernelMount& mount : kernel_mounts) {
    ::mkdir(mount.at, 0755);
    if (::mount(mount.type, mount.at, mount.type, mount.flags, mount.options) == 0 || errno == EBUSY) continue;
    say(errno_error(std::string("mount ") + mount.at, errno).message);
  }
}

std::vector<std::string> storage_mounts(std::string_view proc_mounts) {
  std::vector<std::string> points;
  while (!proc_mounts.empty()) {
    std::string_view line = next_line(proc_mounts);
    const std::string_view source = next_word(line);
    const std::string_view point = next_word(line);
    if (source.starts_with("/dev/") && !point.empty()) points.push_back(unescaped(point));
  }
  std::reverse(points.begin(), points.end());
  return points;
}

void leave_storage() {
  const auto mounts = read_text("/proc/mounts");
  if (!mounts) return;
  for (const std::string& point : storage_mounts(*mounts)) {
    if (::umount2(point.c_str(), 0) == 0) continue;
    if (::mount("", point.c_str(), "", MS_REMOUNT | MS_RDONLY, "") == 0) continue;
    say(errno_error(point + " stays mounted", errno).message);
  }
}

}  // namespace neonvm::guest
