#include "core/network/netlink.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {

constexpr int tears_endured = 8;

Code code_of(int number) {
  switch (number) {
    case EPERM:
    case EACCES: return Code::permission_denied;
    case EEXIST: return Code::already_exists;
    case ENODEV:
    case ENOENT:
    case ESRCH: return Code::not_found;
    case EBUSY: return Code::conflict;
    case EOPNOTSUPP:
    case EAFNOSUPPORT: return Code::unsupported;
    case EAGAIN: return Code::deadline_exceeded;
    case EINVAL:
    case ERANGE: return Code::invalid_argument;
    default: return Code::internal;
  }
}

// The kernel's reason in words, when it gives one (NETLINK_EXT_ACK).
std::string words_of(const nlmsghdr* message, const nlmsgerr* answer) {
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t offset = sizeof(nlmsgerr);
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) offset += mnl_nlmsg_get_payload_len(&answer->msg);
  return text_of(attributes(message, offset, NLMSGERR_ATTR_MSG)[NLMSGERR_ATTR_MSG]);
}

}  // namespace

Error error_from(int number, const std::string& what) {
  std::string message = what.empty() ? std::strerror(number) : std::string(std::strerror(number)) + " (" + what + ")";
  if (number == EPERM) message += "; needs CAP_NET_ADMIN in this network namespace";
  if (number == EOPNOTSUPP) message += "; the kernel may lack a module: bridge, vxlan, tun or nf_tables";
  if (number == EAGAIN) message = "the kernel did not answer in time";
  return {code_of(number), message};
}

Netlink::Netlink(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Netlink::Netlink(Netlink&&) noexcept = default;
Netlink& Netlink::operator=(Netlink&&) noexcept = default;
Netlink::~Netlink() = default;

Result<Netlink> Netlink::open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) return error_from(errno, "opening a netlink socket");
  auto impl = std::make_unique<Impl>(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return error_from(errno, "binding a netlink socket");
  int on = 1;
  mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof on);       // no words is no harm
  timeval patience{5, 0};
  if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0) {
    return error_from(errno, "setting a netlink socket's patience");
  }
  return Netlink(std::move(impl));
}

Status Netlink::Impl::send(Request& request) {
  request.message()->nlmsg_seq = ++sequence;
  if (mnl_socket_sendto(socket, request.message(), request.message()->nlmsg_len) < 0) return error_from(errno, "");
  return {};
}

Result<Netlink::Impl::Heard> Netlink::Impl::hear(const std::function<void(const nlmsghdr*)>& take) {
  alignas(nlmsghdr) static thread_local char buffer[largest_message];
  const ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
  if (size < 0) return error_from(errno == EWOULDBLOCK ? EAGAIN : errno, "");
  int rest = static_cast<int>(size);
  bool torn = false;
  for (auto* message = reinterpret_cast<nlmsghdr*>(buffer); mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
    if (message->nlmsg_seq != sequence) continue;                       // of a call that gave up
    torn = torn || (message->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (message->nlmsg_type == NLMSG_DONE) return torn ? Heard::torn : Heard::done;
    if (message->nlmsg_type == NLMSG_ERROR) {
      const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
      if (answer->error == 0) return Heard::done;
      return error_from(-answer->error, words_of(message, answer));
    }
    take(message);
  }
  return torn ? Heard::torn : Heard::more;
}

Status Netlink::Impl::order(Request& request) {
  request.message()->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  if (Status sent = send(request); !sent) return sent;
  while (true) {
    const auto heard = hear([](const nlmsghdr*) {});
    if (!heard) return heard.error();
    if (*heard == Heard::done) return {};
  }
}

Status Netlink::Impl::dump(Request& request, const std::function<void()>& restart, const std::function<void(const nlmsghdr*)>& take) {
  request.message()->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
  for (int tears = 0; tears < tears_endured; ++tears) {
    restart();
    if (Status sent = send(request); !sent) return sent;
    bool torn = false, more = true;
    while (more) {
      const auto heard = hear(take);
      if (!heard) return heard.error();
      torn = torn || *heard == Heard::torn;
      more = *heard == Heard::more;
      if (*heard == Heard::torn) break;
    }
    if (!torn) return {};
  }
  return Error{Code::unavailable, "the kernel's tables change faster than they can be read"};
}

Request::Request(std::uint16_t type, std::uint16_t flags) : message_(mnl_nlmsg_put_header(buffer_)) {
  message_->nlmsg_type = type;
  message_->nlmsg_flags = flags;
}

Request& Request::put(std::uint16_t type, const void* bytes, std::size_t size) {
  mnl_attr_put(message_, type, size, bytes);
  return *this;
}

Request& Request::put(std::uint16_t type, std::string_view text) {
  const std::string ended(text);
  return put(type, ended.c_str(), ended.size() + 1);
}

Request& Request::put8(std::uint16_t type, std::uint8_t value) { return put(type, &value, sizeof value); }
Request& Request::put16(std::uint16_t type, std::uint16_t value) { return put(type, &value, sizeof value); }
Request& Request::put32(std::uint16_t type, std::uint32_t value) { return put(type, &value, sizeof value); }

Request& Request::put(std::uint16_t type, const IpAddress& address) {
  return put(type, bytes_of(address).data(), bits_of(address.family) / 8);
}

Request& Request::nest(std::uint16_t type, const std::function<void(Request&)>& inner) {
  nlattr* start = mnl_attr_nest_start(message_, type);
  inner(*this);
  mnl_attr_nest_end(message_, start);
  return *this;
}

namespace {

struct Sorted {
  std::vector<const nlattr*> by_type;
};

int sort_one(const nlattr* attribute, void* data) {
  auto& sorted = *static_cast<Sorted*>(data);
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type < sorted.by_type.size()) sorted.by_type[type] = attribute;
  return MNL_CB_OK;
}

}  // namespace

std::vector<const nlattr*> attributes(const nlmsghdr* message, std::size_t header, std::uint16_t most) {
  Sorted sorted{std::vector<const nlattr*>(most + 1U)};
  if (mnl_nlmsg_get_payload_len(message) >= header) mnl_attr_parse(message, static_cast<unsigned>(header), sort_one, &sorted);
  return sorted.by_type;
}

std::vector<const nlattr*> inner_attributes(const nlattr* outer, std::uint16_t most) {
  Sorted sorted{std::vector<const nlattr*>(most + 1U)};
  if (outer != nullptr) mnl_attr_parse_nested(outer, sort_one, &sorted);
  return sorted.by_type;
}

std::uint32_t number32(const nlattr* attribute, std::uint32_t otherwise) {
  return attribute == nullptr || mnl_attr_get_payload_len(attribute) < 4 ? otherwise : mnl_attr_get_u32(attribute);
}

std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(attribute));
  return {text, strnlen(text, mnl_attr_get_payload_len(attribute))};
}

std::optional<IpAddress> ip_of(const nlattr* attribute) {
  if (attribute == nullptr) return {};
  const auto size = mnl_attr_get_payload_len(attribute);
  if (size != 4 && size != 16) return {};
  return ip_from(size == 4 ? IpFamily::v4 : IpFamily::v6, static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)));
}

}  // namespace neonvm::network
