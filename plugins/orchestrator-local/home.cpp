#include "plugins/orchestrator-local/home.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "plugins/orchestrator-local/process.hpp"
#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

constexpr std::size_t longest_below_run_root = 1 + 8 + 1 + 24;  // "/<id>/" and a socket's name
constexpr std::size_t longest_socket = sizeof(sockaddr_un::sun_path) - 1;
constexpr unsigned long cifs_magic = 0xFF534D42;

Status check_owner(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return system_error("cannot use", path, errno);
  if (found.st_uid != ::geteuid()) {
    return Error{Code::permission_denied, path + " belongs to user " + std::to_string(found.st_uid) +
                                              ", and this is user " + std::to_string(::geteuid()) +
                                              "; set NEONVM_HOME to a directory of your own"};
  }
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return Error{Code::permission_denied, "others may write to " + path + "; run: chmod 700 " + path};
  }
  return {};
}

Status check_file_system(const std::string& path) {
  struct statfs found {};
  if (::statfs(path.c_str(), &found) != 0) return system_error("cannot use", path, errno);
  const auto type = static_cast<unsigned long>(found.f_type) & 0xFFFFFFFF;
  if (type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == SMB2_SUPER_MAGIC || type == cifs_magic ||
      type == AFS_SUPER_MAGIC || type == V9FS_MAGIC || type == CODA_SUPER_MAGIC) {
    return Error{Code::unsupported, path +
                                        " is on a network file system, where the store cannot be shared safely; set "
                                        "NEONVM_HOME to a directory on a local disk"};
  }
  return {};
}

std::string short_hash(const std::string& text) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a: the same in every build
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
  return std::string(hex, 12);
}

Status make_alias(const std::string& alias, const std::string& target) {
  const std::string folder = alias.substr(0, alias.rfind('/'));
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return system_error("cannot make", folder, errno);
  struct stat found {};
  if (::lstat(folder.c_str(), &found) != 0) return system_error("cannot use", folder, errno);
  if (!S_ISDIR(found.st_mode)) return system_error("cannot use", folder, ENOTDIR);
  if (auto owned = check_owner(folder); !owned) return owned;
  char now[4096];
  const ssize_t length = ::readlink(alias.c_str(), now, sizeof now);
  if (length > 0 && std::string_view(now, static_cast<std::size_t>(length)) == target) return {};
  ::unlink(alias.c_str());
  if (::symlink(target.c_str(), alias.c_str()) != 0) return system_error("cannot make", alias, errno);
  return {};
}

// A Unix socket's path has at most 107 bytes, so a deep home gets a short name. /tmp before XDG_RUNTIME_DIR: that one
// is taken away when the user logs out, and VMs outlive a login.
Result<std::string> short_run_root(const std::string& home) {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  std::string why;
  for (const std::string& base :
       {"/tmp/neonvm-" + std::to_string(::geteuid()), std::string(runtime ? runtime : "") + "/neonvm"}) {
    if (base == "/neonvm") continue;
    const std::string alias = base + "/" + short_hash(home);
    if (alias.size() + longest_below_run_root > longest_socket) continue;
    const Status made = make_alias(alias, home + "/r");
    if (made) return alias;
    why += "; " + made.error().message;
  }
  return Error{Code::invalid_argument, "NEONVM_HOME " + home +
                                           " is too long for Unix sockets, and no short name for it could be made" +
                                           why + "; choose a home of at most " +
                                           std::to_string(longest_socket - longest_below_run_root - 2) + " bytes"};
}

ProcessId process_in(const std::string& text) {
  std::istringstream in(text);
  ProcessId process;
  in >> process.pid >> process.start;
  return process;
}

Error another_serve(const Home& home, pid_t pid) {
  return Error{Code::failed_precondition, "another neonvm serve (pid " + (pid == 0 ? "unknown" : std::to_string(pid)) +
                                              ") already runs on " + home.path +
                                              "; stop it first, or set NEONVM_HOME to another directory"};
}

}  // namespace

Result<Home> open_home(const std::string& path) {
  if (path.empty() || path.front() != '/') {
    return Error{Code::invalid_argument, "home \"" + path + "\" is not an absolute path; set NEONVM_HOME to one"};
  }
  Home home{path, path + "/r"};
  while (home.path.size() > 1 && home.path.back() == '/') home.path.pop_back();
  home.run_root = home.runs();
  if (auto made = make_directories(home.path); !made) return made.error();
  if (auto owned = check_owner(home.path); !owned) return owned.error();
  if (auto local = check_file_system(home.path); !local) return local.error();
  for (const std::string& folder : {home.runs(), home.path + "/vms"}) {
    if (auto made = make_directories(folder); !made) return made.error();
    if (auto owned = check_owner(folder); !owned) return owned.error();
  }
  if (home.run_root.size() + longest_below_run_root > longest_socket) {
    auto alias = short_run_root(home.path);
    if (!alias) return alias.error();
    home.run_root = std::move(*alias);
  }
  return home;
}

Status keep_run_root(const Home& home) {
  return home.run_root == home.runs() ? Status{} : make_alias(home.run_root, home.runs());
}

Result<UniqueFd> lock_serve(const Home& home) {
  const std::string path = home.path + "/serve.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return system_error("cannot open", path, errno);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const ProcessId holder = process_in(read_file(path).value_or(""));
    if (is_alive(holder) || std::chrono::steady_clock::now() >= give_up) return another_serve(home, holder.pid);
    // A serve that was killed between a fork and the exec of a runner: its child lets go at that exec. Or one that has
    // the lock and has not yet said who it is. Polls, because flock has no deadline.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  const ProcessId self = this_process();
  const std::string text = std::to_string(self.pid) + " " + std::to_string(self.start) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 || ::pwrite(fd.get(), text.data(), text.size(), 0) < 0) {
    return system_error("cannot write", path, errno);
  }
  return fd;
}

}  // namespace neonvm::local
