// A netlink request while it is put together, and the way it takes. Private to core/network.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/ip_address.hpp"
#include "core/network/netlink.hpp"

namespace neonvm::network {

constexpr std::size_t largest_message = 64 * 1024;  // that the kernel sends at once

// Small by nature: two names of devices, which whoever puts them has checked, and some numbers. The header that follows nlmsghdr is
// `Header`, zeroed.
class Request {
 public:
  Request(std::uint16_t type, std::uint16_t flags);

  template <typename Header>
  Header& header() { return *static_cast<Header*>(mnl_nlmsg_put_extra_header(message_, sizeof(Header))); }

  Request& put(std::uint16_t type, std::string_view text);
  Request& put8(std::uint16_t type, std::uint8_t value);
  Request& put16(std::uint16_t type, std::uint16_t value);
  Request& put32(std::uint16_t type, std::uint32_t value);
  Request& put(std::uint16_t type, const IpAddress& address);
  Request& put(std::uint16_t type, const void* bytes, std::size_t size);
  // Everything that `inner` puts is inside of attribute `type`.
  Request& nest(std::uint16_t type, const std::function<void(Request&)>& inner);

  [[nodiscard]] nlmsghdr* message() { return message_; }

 private:
  alignas(nlmsghdr) char buffer_[1024] = {};
  nlmsghdr* message_;
};

struct Netlink::Impl {
  explicit Impl(mnl_socket* open) : socket(open) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { mnl_socket_close(socket); }

  // Sends it and waits for the kernel's yes or no.
  Status order(Request& request);
  // Sends it and hands over each answer; again from the start, after `restart`, when the kernel's table changed meanwhile.
  Status dump(Request& request, const std::function<void()>& restart, const std::function<void(const nlmsghdr*)>& take);

  mnl_socket* socket;
  unsigned sequence = 0;

 private:
  enum class Heard { more, done, torn };   // torn: the table changed while it was read
  Status send(Request& request);
  Result<Heard> hear(const std::function<void(const nlmsghdr*)>& take);
};

// By attribute type, those up to `most`; missing ones are null. Valid as long as the message.
std::vector<const nlattr*> attributes(const nlmsghdr* message, std::size_t header, std::uint16_t most);
std::vector<const nlattr*> inner_attributes(const nlattr* outer, std::uint16_t most);
// Numbers of attributes that may be missing or short.
std::uint32_t number32(const nlattr* attribute, std::uint32_t otherwise = 0);
std::string text_of(const nlattr* attribute);
std::optional<IpAddress> ip_of(const nlattr* attribute);

Error error_from(int number, const std::string& what);

}  // namespace neonvm::network
