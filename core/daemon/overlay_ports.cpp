#include "core/daemon/overlay_ports.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>
#include <vector>

#include "core/daemon/metric_families.hpp"
#include "core/model/pod_layout.hpp"
#include "core/network/handover.hpp"
#include "core/network/tap.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/port_protocol.hpp"

namespace neonvm::daemon {
namespace {

namespace files = std::filesystem;

constexpr Duration between_sweeps = std::chrono::hours(1), guard_retry = std::chrono::seconds(2);
constexpr auto unused_limit = std::chrono::hours(24);

Error ports_error(const std::string& what, int number) {
  const bool may_not = number == EACCES || number == EPERM || number == EROFS;
  return Error{may_not ? Code::permission_denied : Code::internal, what + ": " + std::strerror(number)};
}

// Guarded first: from its first packet on.
Result<network::PluggedTap> plugged(const std::string& device, const std::string& bridge, PortGuard* guard, const std::optional<decide::GuardedPort>& owner) {
  if (guard != nullptr && owner) {
    if (Status guarded = guard->add(device, *owner); !guarded) {
      return guarded.error().at("the node cannot hold this VM to its address; has its kernel nf_tables for bridges? neonvm overlay --open-ports does without");
    }
  }
  auto netlink = network::Netlink::open();
  if (!netlink) return netlink.error();
  return network::plug_tap(*netlink, device, bridge);
}

// Those of `devices` that are not there.
Result<std::set<std::string>> missing(std::set<std::string> devices) {
  auto netlink = network::Netlink::open();
  if (!netlink) return netlink.error();
  const auto links = network::links(*netlink);
  if (!links) return links.error();
  for (const network::Link& link : *links) devices.erase(link.name);
  return devices;
}

}  // namespace

OverlayPorts::OverlayPorts(runtime::Loop& loop, runtime::MetricsRegistry& metrics, std::string folder, decide::OverlaySettings network, bool open)
    : loop_(loop),
      folder_(std::move(folder)),
      network_(std::move(network)),
      guard_(open ? nullptr : std::make_shared<PortGuard>(network_.id)),
      ports_(metrics.gauge(families::overlay_ports)),
      refusals_(metrics.counter(families::overlay_port_refusals)) {}

Status OverlayPorts::start() {
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) return ports_error(folder_, errno);
  // A kubelet that was first made it with its own mode; pods' mounts do not pass through here.
  if (::chmod(folder_.c_str(), 0700) != 0) return ports_error(folder_, errno);
  auto news = network::LinkNews::open();
  if (!news) return news.error();
  news_ = std::move(*news);
  links_ = loop_.watch_readable(news_->fd(), [this] { hear(); });
  inotify_ = runtime::UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_ || ::inotify_add_watch(inotify_.get(), folder_.c_str(), IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_ONLYDIR) < 0) {
    return ports_error(folder_, errno);
  }
  folders_ = loop_.watch_readable(inotify_.get(), [this] {
    alignas(inotify_event) std::array<char, 4096> news;
    while (::read(inotify_.get(), news.data(), news.size()) > 0) continue;
    look();
  });
  look();
  if (Status guarded = guard(); !guarded) return guarded;
  sweep();
  return {};
}

Status OverlayPorts::guard() {
  if (!guard_) {
    const Status gone = remove_port_guard(network_.id);
    return gone || gone.error().code == Code::unsupported ? Status{} : gone;
  }
  auto news = network::RulesNews::open(decide::port_table(network_.id));
  if (!news) return news.error();
  rules_news_ = std::move(*news);
  rules_ = loop_.watch_readable(rules_news_->fd(), [this] {
    if (rules_news_->read()) keep_guard();
  });
  decide::GuardedPorts ports;
  for (const auto& [pod, port] : by_pod_)
    if (port.owner && port.given) ports[decide::port_device(pod)] = *port.owner;
  const Status begun = guard_->begin(std::move(ports));
  // Without one there is nothing to lose, and each VM that asks is told.
  if (!begun) runtime::log_error("overlay", "cannot hold VMs to their addresses", {{"error", begun.error().message}});
  return {};
}

void OverlayPorts::keep_guard() {
  loop_.off_loop([guard = guard_] { return guard->keep(); },
                 [this, weak = std::weak_ptr(alive_)](const Status& kept) {
                   if (weak.expired() || kept) return;
                   runtime::log_error("overlay", "cannot hold VMs to their addresses", {{"error", kept.error().message}});
                   guard_retry_ = loop_.after(guard_retry, [this] { keep_guard(); });
                 });
}

void OverlayPorts::look() {
  std::set<std::string> there;
  std::error_code failed;
  for (files::directory_iterator entry(folder_, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unreadable;
    if (entry->is_directory(unreadable) && !entry->is_symlink(unreadable)) there.insert(entry->path().filename().string());
  }
  if (failed) return runtime::log_error("overlay", "cannot see which pods there are", {{"folder", folder_}, {"error", failed.message()}});
  for (auto at = by_pod_.begin(); at != by_pod_.end();) {
    const std::string pod = (at++)->first;
    if (there.count(pod) == 0) by_pod_.erase(pod), pod_of_.erase(decide::port_device(pod));
  }
  for (const std::string& pod : there)
    if (by_pod_.count(pod) == 0) offer(pod);
}

void OverlayPorts::offer(const std::string& pod) {
  const auto folder = wire::decode_port_folder(pod);
  if (!folder) return runtime::log_error("overlay", "a folder that is no pod's", {{"folder", path(pod)}, {"error", folder.error().message}});
  auto socket = network::offer(path(pod), pod::overlay_port_name);
  if (!socket) return runtime::log_error("overlay", "cannot offer a pod its port", {{"pod", pod}, {"error", socket.error().message}});
  Port& port = by_pod_[pod];
  port.socket = runtime::UniqueFd(*socket);
  if (folder->owner) port.owner = decide::GuardedPort{folder->owner->mac, folder->owner->address};
  const std::string device = decide::port_device(pod);
  pod_of_[device] = pod;
  const auto gone = missing({device});
  port.given = gone && gone->empty();
  port.calls = loop_.watch_readable(*socket, [this, pod] { called(pod); });
}

void OverlayPorts::called(const std::string& pod) {
  const auto at = by_pod_.find(pod);
  if (at == by_pod_.end()) return;
  runtime::UniqueFd caller(network::next_caller(at->second.socket.get()));
  if (caller) answer(pod, std::move(caller));
}

void OverlayPorts::answer(const std::string& pod, runtime::UniqueFd caller) {
  const std::string device = decide::port_device(pod);
  loop_.off_loop([device, bridge = network_.bridge, guard = guard_, owner = by_pod_[pod].owner] { return plugged(device, bridge, guard.get(), owner); },
                 [this, weak = std::weak_ptr(alive_), pod, device, caller = std::make_shared<runtime::UniqueFd>(std::move(caller))](const Result<network::PluggedTap>& tap) {
                   const runtime::UniqueFd file(tap ? tap->fd : -1);
                   if (weak.expired()) return;
                   const wire::PortAnswer said = tap ? wire::PortAnswer{tap->mtu, ""} : wire::PortAnswer{0, tap.error().message};
                   const Status told = network::hand_over(caller->get(), wire::encode(said), file.get());
                   if (tap && told) {
                     if (const auto at = by_pod_.find(pod); at != by_pod_.end()) at->second.given = true;
                     ports_.set(static_cast<double>(std::count_if(by_pod_.begin(), by_pod_.end(), [](const auto& each) { return each.second.given; })));
                     return runtime::log_info("overlay", "gave a VM its port", {{"pod", pod}, {"device", device}, {"mtu", std::to_string(tap->mtu)}});
                   }
                   refusals_.add();
                   runtime::log_warning("overlay", "could not give a VM its port", {{"pod", pod}, {"device", device}, {"why", tap ? told.error().message : said.why}});
                 });
}

void OverlayPorts::hear() {
  const network::News news = news_->read();
  std::set<std::string> perhaps;
  for (const auto& [device, pod] : pod_of_)
    if ((news.all || news.links.count(device) != 0) && by_pod_[pod].given) perhaps.insert(device);
  if (perhaps.empty()) return;
  const auto gone = missing(std::move(perhaps));
  if (!gone) return runtime::log_error("overlay", "cannot see which ports there are", {{"error", gone.error().message}});
  for (const std::string& device : *gone) remove(std::string(pod_of_[device]));
}

// A pod that has lost its VM's port has lost its VM: it is never started again.
void OverlayPorts::remove(const std::string& pod) {
  runtime::log_info("overlay", "a port is not used any more", {{"pod", pod}, {"device", decide::port_device(pod)}});
  by_pod_.erase(pod);
  pod_of_.erase(decide::port_device(pod));
  if (guard_) {
    // What stays of it guards a device that is not there.
    loop_.off_loop([guard = guard_, device = decide::port_device(pod)] { return guard->remove(device); }, [](const Status&) {});
  }
  std::error_code failed;
  files::remove_all(path(pod), failed);
  if (failed) runtime::log_error("overlay", "cannot remove the folder of a pod that is gone", {{"folder", path(pod)}, {"error", failed.message()}});
  ports_.set(static_cast<double>(std::count_if(by_pod_.begin(), by_pod_.end(), [](const auto& each) { return each.second.given; })));
}

// Of pods that were gone before they asked.
void OverlayPorts::sweep() {
  std::vector<std::string> old;
  for (const auto& [pod, port] : by_pod_) {
    struct stat facts {};
    if (port.given || ::stat(path(pod).c_str(), &facts) != 0) continue;
    if (std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(facts.st_ctime) > unused_limit) old.push_back(pod);
  }
  for (const std::string& pod : old) remove(pod);
  sweep_ = loop_.after(between_sweeps, [this] { sweep(); });
}

}  // namespace neonvm::daemon
