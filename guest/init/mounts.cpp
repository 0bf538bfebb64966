#include "guest/init/mounts.hpp"

#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "guest/file_text.hpp"
#include "guest/init/say.hpp"

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

}  // namespace

void mount_kernel_file_systems() {
  for (const KernelMount& mount : kernel_mounts) {
    ::mkdir(mount.at, 0755);
    if (::mount(mount.type, mount.at, mount.type, mount.flags, mount.options) == 0 || errno == EBUSY) continue;
    say(errno_error(std::string("mount ") + mount.at, errno).message);
  }
}

}  // namespace neonvm::guest
