#include "cli/runner_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "cli/door_credentials.hpp"
#include "core/model/pod_layout.hpp"
#include "core/network/handover.hpp"
#include "core/runtime/certificates.hpp"
#include "core/runtime/log.hpp"
#include "core/runtime/unique_fd.hpp"
#include "core/wire/port_protocol.hpp"

namespace neonvm::cli {

namespace {

using runtime::Endpoint;
using runtime::HttpRequest;
using runtime::UniqueFd;

bool is_probe(const HttpRequest& request) { return request.method == "GET" && request.target == "/ready"; }

// One byte and one descriptor; nothing but a byte: the disk could not be opened, and the door's own log says why.
Result<UniqueFd> receive_disk(int door, Deadline deadline) {
  const auto handed = network::take(door, deadline);
  if (!handed) return handed.error().at("the VM's image");
  if (handed->file < 0) return Error{Code::not_found, "the VM's image has no /disk.qcow2 that its user may read"};
  return UniqueFd(handed->file);
}

// A container that starts, or a daemon, gives no event here.
constexpr Duration between_calls = std::chrono::milliseconds(20);
// For a port: an overlay that refuses writes that down each time.
constexpr Duration port_limit = std::chrono::seconds(60), port_retry = std::chrono::milliseconds(200);
constexpr int least_descriptor = 64;

// The door's container may still be on its way.
Result<UniqueFd> await_door(const std::string& path, Deadline deadline) {
  bool told = false;
  while (true) {
    const auto door = network::call(path);
    if (door) return UniqueFd(*door);
    if (door.error().code == Code::invalid_argument || std::chrono::steady_clock::now() >= deadline) return door.error().at("--image-door");
    if (!std::exchange(told, true)) runtime::log_info("runner", "waits for the VM's image", {{"why", door.error().message}});
    std::this_thread::sleep_for(between_calls);
  }
}

Status plug_in(MachineNetwork& card, Deadline deadline) {
  const auto call = network::call(card.port);
  if (!call) return call.error();
  const UniqueFd connection(*call);
  const auto handed = network::take(connection.get(), deadline);
  if (!handed) return handed.error();
  UniqueFd tap(handed->file);
  const auto said = wire::decode_port_answer(handed->line);
  if (!said) return said.error();
  if (!said->why.empty() || !tap) return Error{Code::unavailable, said->why.empty() ? "no tap came" : said->why};
  // Beyond the numbers that QEMU has for itself.
  const int kept = ::fcntl(tap.get(), F_DUPFD_CLOEXEC, least_descriptor);
  if (kept < 0) return Error{Code::internal, std::string("the tap: ") + std::strerror(errno)};
  card.tap = "/proc/self/fd/" + std::to_string(kept);
  card.mtu = said->mtu;
  return {};
}

// The node's overlay may be restarting, or begin only now; how the tap is called here goes to QEMU and is written nowhere.
Status await_ports(MachineSpec& machine, Deadline deadline) {
  bool told = false;
  for (MachineNetwork& card : machine.networks) {
    if (card.port.empty()) continue;
    for (Status plugged = plug_in(card, deadline); !plugged; plugged = plug_in(card, deadline)) {
      if (std::chrono::steady_clock::now() >= deadline) {
        return plugged.error().at("the node's overlay network gives this VM no port; is neonvm-overlay with --ports running on this node?");
      }
      if (!std::exchange(told, true)) runtime::log_info("runner", "waits for a port of the overlay network", {{"why", plugged.error().message}});
      std::this_thread::sleep_for(port_retry);
    }
  }
  return {};
}

// QEMU and qemu-img open it by this process's descriptor, wherever the image's own file system is mounted.
Status fetch_image(const std::string& path, MachineSpec& machine, Deadline deadline) {
  const auto root = std::find_if(machine.disks.begin(), machine.disks.end(), [](const MachineDisk& disk) { return disk.id == "root"; });
  if (root == machine.disks.end() || root->backing.empty()) return {};
  auto door = await_door(path, deadline);
  if (!door) return door.error();
  auto disk = receive_disk(door->get(), deadline);
  if (!disk) return disk.error();
  root->backing = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(disk->release());
  (void)door->release();  // the image's container ends when this process does
  return {};
}

Status make_private_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return Error{Code::internal, path + ": " + std::strerror(errno)};
}

// QEMU wants other names for the same files. Links, so that renewed ones are seen.
Status link_credentials(const std::string& credentials, const std::string& folder) {
  if (Status made = make_private_folder(folder); !made) return made;
  constexpr std::array<std::array<const char*, 2>, 5> names{{{"ca.crt", "ca-cert.pem"}, {"tls.crt", "server-cert.pem"}, {"tls.key", "server-key.pem"},
                                                             {"tls.crt", "client-cert.pem"}, {"tls.key", "client-key.pem"}}};
  for (const auto& [ours, theirs] : names) {
    const std::string link = folder + "/" + theirs;
    if (::symlink((credentials + "/" + ours).c_str(), link.c_str()) != 0 && errno != EEXIST) return Error{Code::internal, link + ": " + std::strerror(errno)};
  }
  return {};
}

// Runners elsewhere share nothing with this one but the VM's certificate.
Status prepare_migration(const RunnerPlace& place, MachineSpec& machine) {
  if (place.migration_address.empty()) return {};
  if (place.credentials.empty()) return Error{Code::invalid_argument, "--migration-address: a migration between machines is encrypted; give --credentials"};
  const auto address = runtime::parse_endpoint("https://" + place.migration_address);
  if (!address) return address.error().at("--migration-address");
  std::ifstream file(place.credentials + "/tls.crt");
  const std::string pem{std::istreambuf_iterator<char>(file), {}};
  const auto certificate = runtime::read_certificate(pem);
  if (!certificate) return certificate.error().at("--credentials: " + place.credentials + "/tls.crt");
  machine.carries_disks = true;
  machine.tls_dir = machine.run_dir + "/tls";
  machine.migration_host = address->host;
  machine.migration_port = address->port;
  if (!certificate->names.empty()) machine.tls_name = certificate->names.front();
  // All runners of a VM have its certificate, and no other VM's runner has business here.
  if (!certificate->common_name.empty()) machine.tls_peer = "CN=" + certificate->common_name;
  return link_credentials(place.credentials, machine.tls_dir);
}

}  // namespace

Result<RunnerListening> runner_listening(const RunnerPlace& place, const MachineSpec& machine) {
  RunnerListening listening;
  auto endpoint = runtime::parse_endpoint(place.listen.empty() ? "unix:" + machine.run_dir + "/runner.sock" : place.listen);
  if (!endpoint) return endpoint.error().at("--listen");
  listening.endpoint = std::move(*endpoint);
  if (listening.endpoint.scheme == Endpoint::Scheme::unix_socket) return listening;
  if (listening.endpoint.scheme != Endpoint::Scheme::tls || place.credentials.empty()) {
    return Error{Code::unsupported, "--listen: whoever may connect there may do anything to the VM: unix:PATH, or https://ADDRESS:PORT with --credentials"};
  }
  auto options = token_door(place.credentials, is_probe, pod::token_header);
  if (!options) return options.error().at("--credentials");
  listening.options = std::move(*options);
  return listening;
}

Status settle_in(const RunnerPlace& place, MachineSpec& machine, Deadline deadline) {
  if (Status made = make_private_folder(machine.run_dir); !made) return made;
  if (!place.forward_address.empty()) {
    for (MachineNetwork& network : machine.networks) network.forward_address = place.forward_address;
  }
  if (Status ready = prepare_migration(place, machine); !ready) return ready;
  if (!place.image_door.empty()) {
    if (Status fetched = fetch_image(place.image_door, machine, deadline); !fetched) return fetched;
  }
  return await_ports(machine, std::min(deadline, Deadline(std::chrono::steady_clock::now() + port_limit)));
}

}  // namespace neonvm::cli
