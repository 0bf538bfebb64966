// Monitor: somebody who executes QMP commands. QmpClient does, and MonitorLink, which survives a lost connection.
//
// Used by everything that does one thing through QMP. Threads: any. Failure: see qmp_client.hpp.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/qmp_message.hpp"

namespace neonvm::qemu {

class Monitor {
 public:
  virtual ~Monitor() = default;
  // Sends all before it waits for any; answers in the order of `commands`: the value of "return", as JSON text.
  virtual std::vector<Result<std::string>> execute_all(std::span<const QmpCommand> commands, Deadline deadline) = 0;

  Result<std::string> execute(const QmpCommand& command, Deadline deadline) {
    return execute_all({&command, 1}, deadline).front();
  }
};

}  // namespace neonvm::qemu
