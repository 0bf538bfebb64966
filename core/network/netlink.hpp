// Netlink: one rtnetlink socket of the network namespace that the calling thread is in when it opens it.
//
// What links.hpp and fdb.hpp ask and order goes through it, one request at a time: one thread at a time. The kernel answers at
// once, except while somebody else holds its lock: after 5 s a call gives up with deadline_exceeded.
// Failure: permission_denied without CAP_NET_ADMIN in that namespace; unsupported for what the kernel has no module for;
// already_exists, not_found; internal with the kernel's own words for the rest.
#pragma once

#include <memory>

#include "core/model/result.hpp"

namespace neonvm::network {

class Netlink {
 public:
  static Result<Netlink> open();
  Netlink(Netlink&&) noexcept;
  Netlink& operator=(Netlink&&) noexcept;
  ~Netlink();

  // For the sources of this room.
  struct Impl;
  [[nodiscard]] Impl& impl() { return *impl_; }

 private:
  explicit Netlink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace neonvm::network
