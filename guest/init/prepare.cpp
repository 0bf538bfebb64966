#include "guest/init/prepare.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <chrono>
#include <filesystem>

#include "guest/file_text.hpp"
#include "guest/guest_plan.hpp"
#include "guest/init/ext4_make.hpp"
#include "guest/init/root_switch.hpp"
#include "guest/init/say.hpp"
#include "guest/swap.hpp"
#include "guest/sysctl.hpp"

namespace neonvm::guest {
namespace {

constexpr Duration disk_limit = std::chrono::seconds(10);
constexpr unsigned long resize_file_system = _IOW('f', 16, std::uint64_t);  // EXT4_IOC_RESIZE_FS
constexpr std::string_view never_covered[] = {"/proc", "/sys", "/dev", "/run/neonvm", "/neonvm"};

std::string by_descriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

bool lies_in(std::string_view path, std::string_view folder) {
  return path == folder || (path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/');
}

// A disk that was made larger since.
void grow_to_device(const std::string& device, const std::string& path) {
  const Fd disk(::open(device.c_str(), O_RDONLY | O_CLOEXEC)), folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs facts {};
  std::uint64_t bytes = 0;
  if (!disk.valid() || !folder.valid() || ::fstatfs(folder.get(), &facts) != 0 || ::ioctl(disk.get(), BLKGETSIZE64, &bytes) != 0) return;
  std::uint64_t blocks = bytes / static_cast<std::uint64_t>(facts.f_bsize);
  if (::ioctl(folder.get(), resize_file_system, &blocks) == 0 || errno == EROFS || errno == EINVAL) return;
  say(errno_error("growing the file system of " + path, errno).message);
}

Result<std::string> file_system_of(const GuestMount& mount, const std::string& device) {
  std::string type = file_system_on(device);
  if (!type.empty()) return type;
  auto blank = is_blank_disk(device);
  if (!blank) return blank.error();
  if (!mount.format || !*blank) {
    return Error{Code::unsupported, "disk " + mount.name + " holds no file system that is known here (ext4, erofs, squashfs)" +
                                        (mount.format ? " and is not blank, so it is left as it is" : "")};
  }
  std::uint64_t bytes = 0;
  const Fd disk(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  if (!disk.valid() || ::ioctl(disk.get(), BLKGETSIZE64, &bytes) != 0) return errno_error(device, errno);
  if (auto made = make_ext4(device, {bytes, mount.quotas}); !made) return made.error();
  return std::string("ext4");
}

Status mount_disk(const GuestMount& mount, int point) {
  const auto device = device_of(mount.disk, disk_limit);
  if (!device) return device.error();
  const auto type = file_system_of(mount, *device);
  if (!type) return type.error();
  const bool ext4 = *type == "ext4";
  const unsigned long flags = mount.read_only || !ext4 ? 1UL * MS_RDONLY : 0UL;
  const std::string discard = ext4 && mount.discard ? "discard" : "";
  const std::string quota = ext4 && mount.quotas ? "prjquota" : "";
  const std::string both = discard + (discard.empty() || quota.empty() ? "" : ",") + quota;
  const std::string at = by_descriptor(point);
  if (::mount(device->c_str(), at.c_str(), type->c_str(), flags, both.c_str()) == 0) return {};
  const int wrong = errno;
  if (quota.empty() || ::mount(device->c_str(), at.c_str(), type->c_str(), flags, discard.c_str()) != 0) return errno_error(*type, wrong);
  say("disk " + mount.name + ": no quotas: " + std::strerror(wrong) + " (the kernel has none, or this file system was made without)");
  return {};
}

Status mount_tmpfs(const GuestMount& mount, int point) {
  const std::string options = "mode=1777,size=" + std::to_string(mount.size.value);
  const unsigned long flags = MS_NOSUID | MS_NODEV | (mount.read_only ? 1UL * MS_RDONLY : 0UL);
  if (::mount("tmpfs", by_descriptor(point).c_str(), "tmpfs", flags, options.c_str()) != 0) return errno_error("tmpfs", errno);
  return {};
}

// Read-only here, because it is the host's; the monitor writes to where it is mounted first.
Status bind_files(const GuestMount& mount, int point) {
  const std::string from = files_folder(mount.name);
  if (::mount(from.c_str(), by_descriptor(point).c_str(), nullptr, MS_BIND, nullptr) != 0) return errno_error(from, errno);
  const unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (::mount(nullptr, mount.path.c_str(), nullptr, flags, nullptr) != 0) return errno_error("read-only", errno);
  return {};
}

Status mount_one(const GuestMount& mount) {
  const auto opened = open_mount_point(mount.path);
  if (!opened) return opened.error();
  const Fd point(*opened);
  switch (mount.kind) {
    case MountKind::disk: break;
    case MountKind::tmpfs: return mount_tmpfs(mount, point.get());
    case MountKind::files: return bind_files(mount, point.get());
  }
  if (auto mounted = mount_disk(mount, point.get()); !mounted) return mounted;
  const auto device = device_of(mount.disk, Duration::zero());
  if (device && !mount.read_only) grow_to_device(*device, mount.path);
  return {};
}

bool has_come(const GuestMount& mount) {
  struct stat facts {};
  return mount.kind != MountKind::files || ::lstat((files_folder(mount.name) + "/..data").c_str(), &facts) == 0;
}

std::string not_come(const GuestPlan& plan) {
  std::string names;
  for (const GuestMount& mount : plan.mounts) {
    if (!has_come(mount)) names += (names.empty() ? "" : ", ") + mount.name;
  }
  return names;
}

}  // namespace

GuestPlan plan_of_this_machine() {
  auto plan = read_guest_plan();
  if (plan) return std::move(*plan);
  if (plan.error().code != Code::not_found) say(plan.error().message);
  return {};
}

void make_file_folders(const GuestPlan& plan) {
  for (const GuestMount& mount : plan.mounts) {
    if (mount.kind != MountKind::files) continue;
    const std::string folder = files_folder(mount.name);
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    // ramfs is never swapped out. It has no limit; what the host sends has.
    if (::mount("ramfs", folder.c_str(), "ramfs", MS_NOSUID | MS_NODEV, "mode=0755") == 0) continue;
    say(errno_error("mount " + folder, errno).message);
  }
}

Result<int> open_mount_point(const std::string& path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return errno_error(path, errno);
  const auto real = std::filesystem::read_symlink(by_descriptor(folder.get()), failed);
  if (failed) return Error{Code::internal, path + ": " + failed.message()};
  const std::string& found = real.native();
  bool taken = found == "/";
  for (const std::string_view needed : never_covered) taken = taken || (lies_in(found, needed) && found != "/dev/shm");
  if (!taken) return folder.release();
  return Error{Code::refused, path + " leads to " + found + ", which this guest needs; give another path"};
}

std::vector<std::string> prepare_guest(const GuestPlan& plan) {
  for (const Error& refused : apply_sysctl(plan.sysctl)) say(refused.message);
  std::vector<std::string> missing;
  for (const GuestMount& mount : plan.mounts) {
    const Status mounted = mount_one(mount);
    if (mounted) continue;
    missing.push_back("mount " + mount.path + ": " + mounted.error().message);
    say(missing.back());
  }
  if (plan.swap_disk.empty()) return missing;
  if (const Status swap = start_swap(plan.swap_disk, plan.swap); !swap) say(swap.error().at("swap").message);
  return missing;
}

void await_files(const GuestPlan& plan, Duration limit) {
  const Instant end = std::chrono::steady_clock::now() + limit;
  const Fd news(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  for (const GuestMount& mount : plan.mounts) {
    if (mount.kind == MountKind::files) ::inotify_add_watch(news.get(), files_folder(mount.name).c_str(), IN_MOVED_TO);
  }
  for (std::string missing = not_come(plan); !missing.empty(); missing = not_come(plan)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
    if (left <= 0) return say("the host has not sent the files of " + missing + " yet; going on without");
    pollfd watched{news.get(), POLLIN, 0};
    ::poll(&watched, 1, static_cast<int>(left));
    char events[4096];
    while (::read(news.get(), events, sizeof events) > 0) {
    }
  }
}

}  // namespace neonvm::guest
