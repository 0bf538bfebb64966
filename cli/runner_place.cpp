#include "cli/runner_place.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "cli/door_credentials.hpp"
#include "core/model/pod_layout.hpp"
#include "core/runtime/certificates.hpp"
#include "core/runtime/log.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::cli {

namespace {

using runtime::Endpoint;
using runtime::HttpRequest;
using runtime::UniqueFd;

bool is_probe(const HttpRequest& request) { return request.method == "GET" && request.target == "/ready"; }

Result<UniqueFd> connect_to_door(const std::string& path) {
  UniqueFd door(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{Code::invalid_argument, "--image-door: " + path + " is too long for a socket"};
  std::copy(path.begin(), path.end(), address.sun_path);
  if (!door || ::connect(door.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error{Code::unavailable, "--image-door: " + path + ": " + std::strerror(errno)};
  return door;
}

// One byte and one descriptor; nothing but a byte: the disk could not be opened, and the door's own log says why.
Result<UniqueFd> receive_disk(int door, Deadline deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  pollfd wait{door, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) return Error{Code::deadline_exceeded, "the image's disk did not come"};
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (::recvmsg(door, &message, MSG_CMSG_CLOEXEC) <= 0) return Error{Code::unavailable, "the image's container closed the connection"};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return Error{Code::not_found, "the VM's image has no /disk.qcow2 that its user may read"};
  int disk = -1;
  std::memcpy(&disk, CMSG_DATA(header), sizeof disk);
  return UniqueFd(disk);
}

// The door's container may still be on its way.
Result<UniqueFd> await_door(const std::string& path, Deadline deadline) {
  bool told = false;
  while (true) {
    auto door = connect_to_door(path);
    if (door || door.error().code == Code::invalid_argument || std::chrono::steady_clock::now() >= deadline) return door;
    if (!std::exchange(told, true)) runtime::log_info("runner", "waits for the VM's image", {{"why", door.error().message}});
    // A container that starts gives no event here.
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
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
  if (!place.image_door.empty()) return fetch_image(place.image_door, machine, deadline);
  return {};
}

}  // namespace neonvm::cli
