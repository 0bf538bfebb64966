#include "plugins/hypervisor-qemu/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace neonvm::qemu {

namespace {
// The address of `path`, and what must stay open while it is used.
struct Place {
  sockaddr_un address{};
  UniqueFd directory;
};

Error failed(const std::string& path, const char* what, int error) {
  Code code = Code::unavailable;
  if (error == ENOENT) code = Code::not_found;
  if (error == EACCES || error == EPERM) code = Code::permission_denied;
  if (error == ENOSPC || error == EMFILE || error == ENFILE) code = Code::out_of_capacity;
  return Error{code, path + ": cannot " + what + ": " + std::strerror(error)};
}

Result<Place> place_of(const std::string& path) {
  Place place;
  place.address.sun_family = AF_UNIX;
  std::string name = path;
  if (path.size() > longest_socket_path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = path.substr(0, slash);
    place.directory.reset(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!place.directory) return failed(folder, "open", errno);
    name = "/proc/self/fd/" + std::to_string(place.directory.get()) + path.substr(slash);
    if (name.size() > longest_socket_path) return Error{Code::invalid_argument, path + ": the name is too long"};
  }
  std::memcpy(place.address.sun_path, name.c_str(), name.size() + 1);
  return place;
}

UniqueFd new_socket() { return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
}  // namespace

Result<UniqueFd> listen_at(const std::string& path) {
  auto place = place_of(path);
  if (!place) return place.error();
  UniqueFd socket = new_socket();
  if (!socket) return failed(path, "make a socket", errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, "remove", errno);
  // The mode of a socket file comes from the socket's own mode, so that there is no moment in which others can connect.
  if (::fchmod(socket.get(), 0600) != 0) return failed(path, "set the mode", errno);
  const auto* address = reinterpret_cast<const sockaddr*>(&place->address);
  if (::bind(socket.get(), address, sizeof place->address) != 0) return failed(path, "bind", errno);
  if (::listen(socket.get(), 8) != 0) return failed(path, "listen", errno);
  return socket;
}

Result<UniqueFd> connect_to(const std::string& path) {
  auto place = place_of(path);
  if (!place) return place.error();
  UniqueFd socket = new_socket();
  if (!socket) return failed(path, "make a socket", errno);
  const auto* address = reinterpret_cast<const sockaddr*>(&place->address);
  // A Unix socket connects at once or fails, except that it blocks while the queue of eight is full.
  while (::connect(socket.get(), address, sizeof place->address) != 0) {
    if (errno != EINTR) return failed(path, "connect", errno);
  }
  return socket;
}

}  // namespace neonvm::qemu
