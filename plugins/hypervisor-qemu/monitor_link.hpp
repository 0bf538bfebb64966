// MonitorLink: the monitor of one QEMU for as long as that QEMU lives.
//
// Used by qemu_machine. Joins a WatchedProcess and a QmpClient: a connection that is lost while QEMU lives is made
// anew when the next command comes; a connection that is lost because QEMU ended leads to on_gone, once, after every
// event. Threads: all methods from any thread; the handlers run on the QMP thread and must not execute commands.
// Failure: unavailable while there is no connection, not_found when QEMU has ended.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugins/hypervisor-qemu/monitor.hpp"
#include "plugins/hypervisor-qemu/qmp_client.hpp"
#include "plugins/hypervisor-qemu/watched_process.hpp"

namespace neonvm::qemu {

class MonitorLink final : public Monitor {
 public:
  struct Handlers {
    std::function<void(const QmpEvent&)> on_event;
    std::function<void()> on_gone;
    std::function<void()> on_broken;  // lost, and QEMU lives
  };

  MonitorLink(std::string socket_path, std::shared_ptr<WatchedProcess> process, Handlers handlers);

  Status connect(Deadline deadline);
  // Ends the connection; no handler runs any more when it returns. Nothing else may be called then.
  void close();
  // Connects again if the connection was lost; cheap when it was not.
  Status ensure(Deadline deadline);
  [[nodiscard]] QmpGreeting greeting();
  [[nodiscard]] bool broken();

  std::vector<Result<std::string>> execute_all(std::span<const QmpCommand> commands, Deadline deadline) override;

 private:
  void client_lost();

  const std::string socket_path_;
  const std::shared_ptr<WatchedProcess> process_;
  const Handlers handlers_;
  std::mutex connecting_;  // QEMU serves one client: two attempts at once would keep each other waiting
  std::mutex mutex_;
  std::shared_ptr<QmpClient> client_;
};

}  // namespace neonvm::qemu
