#include "plugins/hypervisor-qemu/launcher_libvirt.hpp"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <sys/socket.h>

#include <mutex>
#include <thread>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/libvirt_domain.hpp"
#include "plugins/hypervisor-qemu/named_descriptors.hpp"
#include "plugins/hypervisor-qemu/qemu_hypervisor.hpp"
#include "plugins/hypervisor-qemu/unix_socket.hpp"

namespace neonvm::qemu {

namespace {
// A QEMU that was killed is forgotten by libvirt a moment later.
constexpr Duration forget_pace = std::chrono::milliseconds(20);

struct CloseConnection {
  void operator()(virConnectPtr connection) const { virConnectClose(connection); }
};
struct FreeDomain {
  void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
using Connection = std::unique_ptr<virConnect, CloseConnection>;
using Domain = std::unique_ptr<virDomain, FreeDomain>;

// The next call into libvirt forgets it.
std::string last_error() {
  const virErrorPtr last = virGetLastError();
  return last != nullptr && last->message != nullptr ? last->message : "no reason given";
}

// libvirt has one error code for this and for much else.
bool says_name_is_taken(const std::string& words) {
  for (const char* part : {"already exists", "already active", "already being removed", "already being started"}) {
    if (words.find(part) != std::string::npos) return true;
  }
  return false;
}

// Events are delivered to nobody, but without a loop an embedded driver does not see QEMU.
void run_event_loop() {
  static std::once_flag once;
  std::call_once(once, [] {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // it would print
    if (virEventRegisterDefaultImpl() != 0) return;
    std::thread([] {
      while (virEventRunDefaultImpl() == 0) {
      }
    }).detach();
  });
}

// Whoever listens on QEMU's monitor is QEMU. The second monitor, because the first has room for one.
Result<std::shared_ptr<WatchedProcess>> listener_of(const std::string& monitor) {
  auto socket = connect_to(monitor);
  if (!socket) return Error{Code::not_found, socket.error().message};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket->get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return Error{Code::internal, monitor + ": its owner is not known"};
  }
  const auto id = identify(peer.pid);
  auto process = id ? WatchedProcess::find(*id) : nullptr;
  if (!process) return Error{Code::not_found, "the QEMU of " + monitor + " has ended"};
  return process;
}

class LibvirtLauncher final : public Launcher {
 public:
  explicit LibvirtLauncher(Settings settings) : settings_(std::move(settings)) {}

  Result<std::shared_ptr<WatchedProcess>> launch(const MachineSpec& spec, const LaunchFacts& facts,
                                                 Deadline deadline) override {
    if (!named_descriptors(spec).empty()) {
      return Error{Code::unsupported, "libvirt's QEMU inherits no open files: a disk and a tap must have names of their own"};
    }
    auto xml = domain_xml(spec, facts, settings_);
    if (!xml) return xml.error();
    const RunDir paths(spec.run_dir);
    // Of the other way to own one.
    auto owned = take_lock(paths.lock);
    if (!owned) return owned.error().at("a machine lives in " + spec.run_dir);
    if (listener_of(paths.oob_monitor)) return Error{Code::already_exists, "a machine lives in " + spec.run_dir};
    auto connected = connection();
    if (!connected) return connected.error();
    const unsigned flags = spec.incoming ? VIR_DOMAIN_START_PAUSED : VIR_DOMAIN_NONE;
    while (true) {
      const Domain domain(virDomainCreateXML(*connected, xml->c_str(), flags));
      if (domain) return listener_of(paths.oob_monitor);
      const std::string words = last_error();
      if (!says_name_is_taken(words)) return understand(spec.name, words);
      // A domain whose QEMU does not live is one that libvirt has not missed yet.
      if (listener_of(paths.oob_monitor) || clock_now() >= deadline) return Error{Code::already_exists, words};
      std::this_thread::sleep_for(forget_pace);
    }
  }

  Result<std::shared_ptr<WatchedProcess>> find(const MachineSpec& spec, Deadline) override {
    auto process = listener_of(RunDir(spec.run_dir).oob_monitor);
    if (!process) return Error{Code::not_found, "no QEMU lives in " + spec.run_dir};
    return process;
  }

 private:
  Result<virConnectPtr> connection() {
    const std::lock_guard lock(mutex_);
    if (connection_ && virConnectIsAlive(connection_.get()) == 1) return connection_.get();
    run_event_loop();
    connection_.reset(virConnectOpen(settings_.libvirt_uri.c_str()));
    if (connection_) return connection_.get();
    return Error{Code::unavailable, "libvirt at " + settings_.libvirt_uri + ": " + last_error()};
  }

  const Settings settings_;
  std::mutex mutex_;
  Connection connection_;
};
}  // namespace

std::unique_ptr<Launcher> make_libvirt_launcher(const Settings& settings) {
  return std::make_unique<LibvirtLauncher>(settings);
}

}  // namespace neonvm::qemu
