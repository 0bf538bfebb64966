#include "core/network/link_news.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/network/links.hpp"
#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {


bool is_flood(const nlmsghdr* message, const ndmsg& header) {
  if (header.ndm_family != AF_BRIDGE || (header.ndm_flags & NTF_SELF) == 0) return false;
  const nlattr* mac = attributes(message, sizeof(ndmsg), NDA_MAX)[NDA_LLADDR];
  const MacAddress zeros{};
  return mac != nullptr && mnl_attr_get_payload_len(mac) == zeros.size() && std::memcmp(mnl_attr_get_payload(mac), zeros.data(), zeros.size()) == 0;
}

void tell(News& news, const nlmsghdr* message) {
  const void* payload = mnl_nlmsg_get_payload(message);
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      news.links.insert(text_of(attributes(message, sizeof(ifinfomsg), IFLA_MAX)[IFLA_IFNAME]));
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      news.addresses = true;
      break;
    case RTM_DELNEIGH:
      if (const auto& header = *static_cast<const ndmsg*>(payload); is_flood(message, header)) news.floods.insert(header.ndm_ifindex);
      break;
    default:
      break;
  }
}

}  // namespace

struct LinkNews::Impl {
  explicit Impl(mnl_socket* open) : socket(open) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { mnl_socket_close(socket); }

  mnl_socket* socket;
  alignas(nlmsghdr) char buffer[largest_message];
};

LinkNews::LinkNews(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LinkNews::LinkNews(LinkNews&&) noexcept = default;
LinkNews& LinkNews::operator=(LinkNews&&) noexcept = default;
LinkNews::~LinkNews() = default;

Result<LinkNews> LinkNews::open() {
  mnl_socket* socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket == nullptr) return error_from(errno, "opening a netlink socket");
  auto impl = std::make_unique<Impl>(socket);
  constexpr unsigned groups = RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) return error_from(errno, "listening to the kernel's news");
  return LinkNews(std::move(impl));
}

int LinkNews::fd() const { return mnl_socket_get_fd(impl_->socket); }

News LinkNews::read() {
  News news;
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(impl_->socket, impl_->buffer, sizeof impl_->buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      news.all = true;
      continue;
    }
    if (size < 0) return news;
    int rest = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(impl_->buffer); mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
      tell(news, message);
    }
  }
}

}  // namespace neonvm::network
