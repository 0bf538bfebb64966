#include "guest/init/built_root.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>

#include "guest/file_text.hpp"
#include "guest/init/say.hpp"

namespace neonvm::guest {
namespace {

constexpr long ext4_magic = 0xef53, erofs_magic = 0xe0f5e1e2, squashfs_magic = 0x73717368;
constexpr unsigned long resize_ext4 = _IOW('f', 16, std::uint64_t);  // EXT4_IOC_RESIZE_FS
constexpr const char* overlay = "/run/neonvm-root";

// Without a device of that size the kernel says so, which is no news: most disks are as large as their file system.
void grow_ext4(const struct statfs& root, const std::string& device) {
  const Fd disk(::open(device.c_str(), O_RDONLY | O_CLOEXEC)), folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::uint64_t bytes = 0;
  if (!disk.valid() || !folder.valid() || ::ioctl(disk.get(), BLKGETSIZE64, &bytes) != 0) return;
  std::uint64_t blocks = bytes / static_cast<std::uint64_t>(root.f_bsize);
  if (::ioctl(folder.get(), resize_ext4, &blocks) == 0 || errno == EROFS || errno == EINVAL) return;
  say(errno_error("growing the root to its disk", errno).message);
}

Status lay_over(const std::string& device) {
  ::mkdir(overlay, 0755);
  const bool own = !device.empty();
  if (::mount(own ? device.c_str() : "tmpfs", overlay, own ? "ext4" : "tmpfs", 0, own ? "" : "mode=0755") != 0) {
    return errno_error("mount " + (own ? device : std::string("a tmpfs")) + " for the overlay", errno);
  }
  const std::string top = overlay, root = top + "/root";
  for (const char* part : {"/root", "/upper", "/merge"}) ::mkdir((top + part).c_str(), 0755);
  const std::string options = "lowerdir=/,upperdir=" + top + "/upper,workdir=" + top + "/merge";
  if (::mount("overlay", root.c_str(), "overlay", 0, options.c_str()) != 0) return errno_error("mount the overlay", errno);
  if (::chdir(root.c_str()) != 0) return errno_error(root, errno);
  for (const char* point : {"dev", "proc", "sys", "run"}) {
    ::mkdir(point, 0755);
    const std::string from = std::string("/") + point;
    if (::mount(from.c_str(), point, nullptr, MS_BIND | MS_REC, nullptr) != 0) say(errno_error("mount " + from, errno).message);
  }
  if (::chroot(".") != 0 || ::chdir("/") != 0) return errno_error("chroot to the overlay", errno);
  return {};
}

void link_standard_streams() {
  constexpr std::pair<const char*, const char*> links[] = {
      {"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"}, {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}};
  for (const auto& [target, name] : links) {
    if (::symlink(target, name) != 0 && errno != EEXIST) say(errno_error(name, errno).message);
  }
}

}  // namespace

void settle_built_root(const KernelCmdline& cmdline) {
  struct statfs root {};
  if (::statfs("/", &root) != 0) return say(errno_error("/", errno).message);
  const auto type = static_cast<long>(root.f_type);
  if (type == ext4_magic) grow_ext4(root, cmdline.find("root").value_or(""));
  if (type == erofs_magic || type == squashfs_magic) {
    if (const Status laid = lay_over(cmdline.find("neonvm.overlay").value_or("")); !laid) say(laid.error().message);
  }
  link_standard_streams();
}

}  // namespace neonvm::guest
