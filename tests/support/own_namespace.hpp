// OwnNamespace: from here to its end the calling thread, and threads that it starts, have a network of their own.
//
// For tests of the network: what they do cannot touch the machine's. Needs CAP_SYS_ADMIN; without it `possible()` is false.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace neonvm::tests {

class OwnNamespace {
 public:
  OwnNamespace() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (before_ < 0 || ::unshare(CLONE_NEWNET) != 0) throw std::runtime_error("no network namespace can be made here");
  }
  OwnNamespace(const OwnNamespace&) = delete;
  OwnNamespace& operator=(const OwnNamespace&) = delete;
  ~OwnNamespace() {
    if (::setns(before_, CLONE_NEWNET) != 0) ::_exit(99);      // going on would be in the wrong network
    ::close(before_);
  }

  static bool possible() {
    try {
      OwnNamespace once;
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }

 private:
  int before_;
};

}  // namespace neonvm::tests
