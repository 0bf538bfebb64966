#include "plugins/hypervisor-qemu/monitor_link.hpp"

#include <thread>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/unix_socket.hpp"

namespace neonvm::qemu {

namespace {
// From the end of the connection to the end of the process: the kernel frees the memory of a large guest in between.
constexpr Duration dying = std::chrono::seconds(3);
constexpr Duration reconnecting = std::chrono::seconds(2);
}  // namespace

MonitorLink::MonitorLink(std::string socket_path, std::shared_ptr<WatchedProcess> process, Handlers handlers)
    : socket_path_(std::move(socket_path)), process_(std::move(process)), handlers_(std::move(handlers)) {}

void MonitorLink::close() {
  std::shared_ptr<QmpClient> last;  // joined without the lock: its handlers may ask for it
  const std::lock_guard lock(mutex_);
  last.swap(client_);
}

Status MonitorLink::connect(Deadline deadline) {
  auto socket = connect_to(socket_path_);
  if (!socket) {
    if (process_->wait_end(clock_now())) return Error{Code::not_found, process_->how_it_ended()};
    return Error{Code::unavailable, socket.error().message};
  }
  auto client = QmpClient::begin(std::move(*socket), {handlers_.on_event, [this] { client_lost(); }}, deadline);
  if (!client) return client.error();
  std::shared_ptr<QmpClient> former(std::move(*client));
  const std::lock_guard lock(mutex_);
  client_.swap(former);
  return {};
}

Status MonitorLink::ensure(Deadline deadline) {
  if (!broken()) return {};
  const std::lock_guard lock(connecting_);
  if (!broken()) return {};
  if (process_->wait_end(clock_now())) return Error{Code::not_found, process_->how_it_ended()};
  return connect(sooner(deadline, reconnecting));
}

bool MonitorLink::broken() {
  const std::lock_guard lock(mutex_);
  return !client_ || client_->lost();
}

QmpGreeting MonitorLink::greeting() {
  const std::lock_guard lock(mutex_);
  return client_ ? client_->greeting() : QmpGreeting{};
}

std::vector<Result<std::string>> MonitorLink::execute_all(std::span<const QmpCommand> commands, Deadline deadline) {
  if (auto connected = ensure(deadline); !connected) {
    return std::vector<Result<std::string>>(commands.size(), Result<std::string>(connected.error()));
  }
  std::shared_ptr<QmpClient> client;
  {
    const std::lock_guard lock(mutex_);
    client = client_;
  }
  auto results = client->execute_all(commands, deadline);
  for (auto& result : results) {
    const bool gone = !result && result.error().code == Code::unavailable && process_->wait_end(clock_now());
    if (gone) result = Error{Code::not_found, process_->how_it_ended()};
  }
  return results;
}

void MonitorLink::client_lost() {
  if (process_->wait_end(clock_now() + dying)) handlers_.on_gone();
  else handlers_.on_broken();
}

}  // namespace neonvm::qemu
