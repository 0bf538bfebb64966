#include "core/network/rules_news.hpp"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {

// The table's name is attribute 1 of tables, chains, rules, sets and elements alike.
static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 && NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1);

bool takes_away(std::uint16_t type) {
  constexpr int losses[] = {NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE, NFT_MSG_DELSET, NFT_MSG_DELSETELEM};
  return NFNL_SUBSYS_ID(type) == NFNL_SUBSYS_NFTABLES && std::find(std::begin(losses), std::end(losses), NFNL_MSG_TYPE(type)) != std::end(losses);
}

}  // namespace

struct RulesNews::Impl {
  Impl(mnl_socket* open, std::string name) : socket(open), table(std::move(name)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { mnl_socket_close(socket); }

  mnl_socket* socket;
  std::string table;
  alignas(nlmsghdr) char buffer[largest_message];
};

RulesNews::RulesNews(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RulesNews::RulesNews(RulesNews&&) noexcept = default;
RulesNews& RulesNews::operator=(RulesNews&&) noexcept = default;
RulesNews::~RulesNews() = default;

Result<RulesNews> RulesNews::open(const std::string& table) {
  mnl_socket* socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket == nullptr) return error_from(errno, "opening a netlink socket for nftables");
  auto impl = std::make_unique<Impl>(socket, table);
  if (mnl_socket_bind(socket, 1U << (NFNLGRP_NFTABLES - 1), MNL_SOCKET_AUTOPID) < 0) return error_from(errno, "listening to the news of nftables");
  return RulesNews(std::move(impl));
}

int RulesNews::fd() const { return mnl_socket_get_fd(impl_->socket); }

bool RulesNews::read() {
  bool lost = false;
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(impl_->socket, impl_->buffer, sizeof impl_->buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {
      lost = true;
      continue;
    }
    if (size < 0) return lost;
    int rest = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(impl_->buffer); mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest)) {
      if (takes_away(message->nlmsg_type)) lost = lost || text_of(attributes(message, sizeof(nfgenmsg), 1)[1]) == impl_->table;
    }
  }
}

}  // namespace neonvm::network
