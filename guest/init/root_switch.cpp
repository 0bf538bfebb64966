#include "guest/init/root_switch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "core/model/instant.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* new_root = "/newroot";
constexpr Duration device_limit = std::chrono::seconds(10);

// A disk's device node appears when its driver has read the partition table, which nobody announces to PID 1 without udev.
bool wait_for_device(const std::string& device) {
  const Instant end = std::chrono::steady_clock::now() + device_limit;
  while (::access(device.c_str(), F_OK) != 0) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

bool is_dot(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

// Everything on the same file system as `folder`, and nothing that is mounted in it. Takes the descriptor.
void empty_folder(int folder, dev_t device) {
  DIR* entries = ::fdopendir(folder);
  if (entries == nullptr) {
    ::close(folder);
    return;
  }
  while (const dirent* entry = ::readdir(entries)) {
    struct stat facts {};
    if (is_dot(entry->d_name) || ::fstatat(folder, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (facts.st_dev != device) continue;
    if (S_ISDIR(facts.st_mode)) {
      const int inner = ::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0) empty_folder(inner, device);
    }
    ::unlinkat(folder, entry->d_name, S_ISDIR(facts.st_mode) ? AT_REMOVEDIR : 0);
  }
  ::closedir(entries);
}

Status move_to_root(int old_root, dev_t old_device) {
  for (const char* point : {"/dev", "/proc", "/sys", "/run"}) {
    const std::string goal = std::string(new_root) + point;
    ::mkdir(goal.c_str(), 0755);
    if (::mount(point, goal.c_str(), nullptr, MS_MOVE, nullptr) != 0) ::umount2(point, MNT_DETACH);
  }
  ::umount2("/tmp", MNT_DETACH);
  if (::chdir(new_root) != 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0) return errno_error("root", errno);
  empty_folder(::dup(old_root), old_device);
  if (::chroot(".") != 0 || ::chdir("/") != 0) return errno_error("chroot", errno);
  return {};
}

}  // namespace

Result<RootPlan> plan_root(const KernelCmdline& cmdline) {
  RootPlan plan;
  plan.device = cmdline.find("root").value_or("");
  if (!plan.device.starts_with("/dev/")) {
    return Error{Code::invalid_argument, "root=" + plan.device + ": give a device, like root=/dev/vda"};
  }
  plan.type = cmdline.find("rootfstype").value_or("");
  plan.read_only = cmdline.find("ro").has_value() && !cmdline.find("rw").has_value();
  if (const auto init = cmdline.find("init")) plan.inits.push_back(*init);
  for (const char* usual : {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"}) plan.inits.emplace_back(usual);
  return plan;
}

Status wait_for_root(const RootPlan& plan) {
  if (!wait_for_device(plan.device)) return Error{Code::not_found, plan.device + " has not appeared in 10 s"};
  return {};
}

std::string file_system_in(std::string_view beginning) {
  const auto holds = [beginning](std::size_t offset, std::string_view magic) {
    return beginning.size() >= offset + magic.size() && beginning.substr(offset, magic.size()) == magic;
  };
  if (holds(1024 + 56, "\x53\xef")) return "ext4";
  if (holds(1024, "\xe2\xe1\xf5\xe0")) return "erofs";
  if (holds(0, "hsqs")) return "squashfs";
  return "";
}

std::string file_system_on(const std::string& device) {
  char beginning[2048];
  const Fd file(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = file.valid() ? ::pread(file.get(), beginning, sizeof beginning, 0) : -1;
  return got <= 0 ? "" : file_system_in({beginning, static_cast<std::size_t>(got)});
}

Status enter_root(const RootPlan& plan) {
  ::mkdir(new_root, 0755);
  const unsigned long flags = plan.read_only ? MS_RDONLY : 0;
  if (::mount(plan.device.c_str(), new_root, plan.type.c_str(), flags, "") != 0) {
    return errno_error("mount " + plan.device + " (" + plan.type + ")", errno);
  }
  const Fd old_root(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat facts {};
  if (!old_root.valid() || ::fstat(old_root.get(), &facts) != 0) return errno_error("/", errno);
  return move_to_root(old_root.get(), facts.st_dev);
}

Status become_init(const RootPlan& plan) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  std::string tried;
  for (const std::string& init : plan.inits) {
    ::execl(init.c_str(), init.c_str(), static_cast<char*>(nullptr));
    tried += (tried.empty() ? "" : ", ") + init + " (" + std::strerror(errno) + ")";
  }
  return Error{Code::not_found, "no init could be run on " + plan.device + ": " + tried};
}

}  // namespace neonvm::guest
