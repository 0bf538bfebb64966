// Listener: a listening socket on the loop. Private to the runtime.
//
// Loop thread only. Hands over accepted descriptors (non-blocking, close-on-exec). Its destructor closes the socket and
// removes the path of a Unix socket, if it is still the one that it made.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>

#include "core/runtime/address.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::runtime {

class Listener {
 public:
  using Accepted = std::function<void(UniqueFd, const Address& from)>;

  Listener(Loop& loop, Accepted accepted) : loop_(loop), accepted_(std::move(accepted)) {}
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // mode: of a Unix socket. Returns the address in use.
  Result<Endpoint> open(const Endpoint& endpoint, unsigned mode);
  // Callers wait in the kernel's queue meanwhile.
  void pause();
  void resume();

 private:
  Status bind_and_listen(const Endpoint& endpoint, unsigned mode);
  void accept_some();

  Loop& loop_;
  Accepted accepted_;
  UniqueFd fd_;
  std::string path_;
  struct stat made_ {};
  FdWatch watch_;
  Timer retry_;
  bool paused_ = false;
};

// Binds and listens on a path in one step as others see it: a path that can be found is listened on already. What
// nobody listens on is replaced; a live one is refused with the pid of who listens, a file that is no socket as well.
Result<UniqueFd> listen_unix(const std::string& path, unsigned mode);

}  // namespace neonvm::runtime
