#include "core/network/fdb.hpp"

#include <cstring>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {
namespace {

Status write(Netlink& netlink, int vxlan, const FdbEntry& entry, std::uint16_t type, std::uint16_t flags) {
  Request request(type, flags);
  auto& header = request.header<ndmsg>();
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = vxlan;
  header.ndm_state = NUD_PERMANENT | NUD_NOARP;
  header.ndm_flags = NTF_SELF;
  request.put(NDA_LLADDR, entry.mac.data(), entry.mac.size()).put(NDA_DST, entry.node);
  return netlink.impl().order(request);
}

}  // namespace

Result<std::vector<FdbEntry>> fdb(Netlink& netlink, int vxlan) {
  std::vector<FdbEntry> all;
  Request request(RTM_GETNEIGH, 0);
  auto& wanted = request.header<ifinfomsg>();
  wanted.ifi_family = AF_BRIDGE;
  wanted.ifi_index = vxlan;
  const Status read = netlink.impl().dump(request, [&] { all.clear(); }, [&](const nlmsghdr* message) {
    if (message->nlmsg_type != RTM_NEWNEIGH) return;
    const auto* header = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    if (header->ndm_ifindex != vxlan || (header->ndm_flags & NTF_SELF) == 0) return;
    const auto found = attributes(message, sizeof(ndmsg), NDA_MAX);
    const nlattr* mac = found[NDA_LLADDR];
    const auto node = ip_of(found[NDA_DST]);
    FdbEntry entry;
    if (!node || mac == nullptr || mnl_attr_get_payload_len(mac) != entry.mac.size()) return;
    std::memcpy(entry.mac.data(), mnl_attr_get_payload(mac), entry.mac.size());
    entry.node = *node;
    entry.permanent = (header->ndm_state & NUD_PERMANENT) != 0;
    all.push_back(entry);
  });
  if (!read) return read.error().at("reading the forwarding table");
  return all;
}

Status append_fdb(Netlink& netlink, int vxlan, const FdbEntry& entry) {
  Status done = write(netlink, vxlan, entry, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND);
  if (!done && done.error().code != Code::already_exists) return done.error().at("sending to node " + to_string(entry.node));
  return {};
}

Status remove_fdb(Netlink& netlink, int vxlan, const FdbEntry& entry) {
  Status done = write(netlink, vxlan, entry, RTM_DELNEIGH, 0);
  if (!done && done.error().code != Code::not_found) return done.error().at("no longer sending to node " + to_string(entry.node));
  return {};
}

}  // namespace neonvm::network
