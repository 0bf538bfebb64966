#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "core/runtime/listener.hpp"

namespace neonvm::runtime {

namespace {

constexpr int backlog = 512;
// Each round that is lost was won by another process that listens or cleans up there.
constexpr int most_rounds = 16;

Error refused(const std::string& path, Code code, const std::string& why) {
  return {code, "unix:" + path + ": " + why};
}

Error system_error(const std::string& path, int number) {
  const Code code = number == EACCES || number == EPERM || number == EROFS ? Code::permission_denied
                    : number == ENOENT || number == ENOTDIR               ? Code::not_found
                                                                          : Code::unavailable;
  return refused(path, code, errno_text(number));
}

// A name beside `path` that nobody else uses, and not longer than it need be: the limit of a socket's path is near.
std::string name_beside(const std::string& path) {
  static std::atomic<unsigned> count{0};
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  char name[32];
  std::snprintf(name, sizeof(name), ".%x.%x", static_cast<unsigned>(getpid()), count++);
  return folder + name;
}

bool move_to_free(const std::string& from, const std::string& to) {
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0;
}

struct Removed {
  std::string path;
  ~Removed() { unlink(path.c_str()); }
};

// Whether a live one listens there (then an error says so), or none.
Status probe(const std::string& path) {
  Result<Address> address = to_address({Endpoint::Scheme::unix_socket, path, 0});
  if (!address.ok()) return address.error();
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error(path, errno);
  // EAGAIN: its queue is full, so it is alive.
  if (connect(fd.get(), address->get(), address->size) == 0 || errno == EAGAIN) {
    const UnixPeer peer = unix_peer(fd.get());
    const std::string who = peer.pid > 0 ? " by pid " + std::to_string(peer.pid) : "";
    return refused(path, Code::already_exists, "address in use" + who);
  }
  if (errno == EACCES) return refused(path, Code::permission_denied, "another user's socket is there");
  return {};
}

// Takes away the dead socket at `path`. One that somebody put there in the meantime is put back.
Status remove_stale(const std::string& path) {
  struct stat before {};
  if (lstat(path.c_str(), &before) != 0) return {};
  if (!S_ISSOCK(before.st_mode)) return refused(path, Code::already_exists, "a file that is not a socket is there");
  if (Status dead = probe(path); !dead.ok()) return dead;
  const Removed aside{name_beside(path)};
  if (rename(path.c_str(), aside.path.c_str()) != 0) return errno == ENOENT ? Status() : system_error(path, errno);
  struct stat moved {};
  if (lstat(aside.path.c_str(), &moved) == 0 && moved.st_ino == before.st_ino && moved.st_dev == before.st_dev) return {};
  if (!move_to_free(aside.path, path) && errno != EEXIST) return system_error(path, errno);
  return {};
}

}  // namespace

Result<UniqueFd> listen_unix(const std::string& path, unsigned mode) {
  if (Result<Address> fits = to_address({Endpoint::Scheme::unix_socket, path, 0}); !fits.ok()) return fits.error();
  // Listening under another name first, and with its mode, so that `path` is never a socket that refuses its callers and
  // looks stale to a second server, nor one that strangers may use for a moment.
  const Removed made{name_beside(path)};
  Result<Address> address = to_address({Endpoint::Scheme::unix_socket, made.path, 0});
  if (!address.ok()) return address.error();
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error(path, errno);
  if (fchmod(fd.get(), mode & 0777) != 0 || bind(fd.get(), address->get(), address->size) != 0 ||
      chmod(made.path.c_str(), mode & 0777) != 0 || listen(fd.get(), backlog) != 0) {
    return system_error(path, errno);
  }
  for (int round = 0; round < most_rounds; ++round) {
    if (move_to_free(made.path, path)) return fd;
    if (errno != EEXIST) return system_error(path, errno);
    if (Status free = remove_stale(path); !free.ok()) return free.error();
  }
  return refused(path, Code::unavailable, "other processes keep taking this path");
}

}  // namespace neonvm::runtime
