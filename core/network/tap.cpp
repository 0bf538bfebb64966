#include "core/network/tap.hpp"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/network/netlink_request.hpp"

namespace neonvm::network {

Result<int> open_tap(const std::string& name, bool multi_queue, bool vnet_header) {
  if (name.empty() || name.size() >= IFNAMSIZ) return Error{Code::invalid_argument, "\"" + name + "\" is no name for a tap; give 1 to 15 letters"};
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  if (fd < 0) return error_from(errno, "/dev/net/tun");
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), name.size());
  int flags = IFF_TAP | IFF_NO_PI;
  if (multi_queue) flags |= IFF_MULTI_QUEUE;
  if (vnet_header) flags |= IFF_VNET_HDR;
  request.ifr_flags = static_cast<short>(flags);
  if (::ioctl(fd, TUNSETIFF, &request) < 0) {
    const int number = errno;
    ::close(fd);
    return error_from(number, "tap " + name);
  }
  return fd;
}

Result<Link> create_tap(Netlink& netlink, const TapOptions& options) {
  if (const auto there = find_link(netlink, options.name); there.ok()) {
    return Error{Code::already_exists, "there is a network device " + options.name + " already"};
  }
  const auto fd = open_tap(options.name, options.multi_queue, true);
  if (!fd) return fd.error();
  const bool kept = ::ioctl(*fd, TUNSETOWNER, static_cast<unsigned long>(options.owner)) == 0 && ::ioctl(*fd, TUNSETPERSIST, 1UL) == 0;
  const int number = errno;
  ::close(*fd);
  if (!kept) return error_from(number, "tap " + options.name);
  auto link = find_link(netlink, options.name);
  if (!link) return link;
  if (Status told = without_ipv6(netlink, link->index); !told) return told.error().at(options.name);
  return link;
}

namespace {

Status plug(Netlink& netlink, const std::string& name, const Link& bridge) {
  const auto link = find_link(netlink, name);
  if (!link) return link.error();
  if (Status told = without_ipv6(netlink, link->index); !told) return told;
  if (Status fits = set_mtu(netlink, link->index, bridge.mtu); !fits) return fits;
  if (Status plugged = set_master(netlink, link->index, bridge.index); !plugged) return plugged;
  return set_up(netlink, link->index);
}

}  // namespace

Result<PluggedTap> plug_tap(Netlink& netlink, const std::string& name, const std::string& bridge_name) {
  const auto bridge = find_link(netlink, bridge_name);
  if (!bridge) return bridge.error();
  if (const auto there = find_link(netlink, name); there.ok()) {
    return Error{Code::already_exists, name + " is somebody's already"};
  }
  const auto fd = open_tap(name, false, true);
  if (!fd) return fd.error();
  if (Status plugged = plug(netlink, name, *bridge); !plugged) {
    ::close(*fd);                      // and the device is gone
    return plugged.error().at(name);
  }
  return PluggedTap{*fd, bridge->mtu};
}

}  // namespace neonvm::network
