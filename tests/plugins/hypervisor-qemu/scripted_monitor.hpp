// ScriptedMonitor: the other end of a QmpClient, which says what a test wants, in the pieces that it wants.
//
// The script runs on a thread of its own; when it ends the connection does. Words: say() writes bytes as they are,
// hear() waits for a line (empty when the client has gone). hear_id() gives the id of the command in that line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

class ScriptedMonitor {
 public:
  using Script = std::function<void(ScriptedMonitor&)>;
  explicit ScriptedMonitor(Script script);
  ~ScriptedMonitor();

  UniqueFd client_end() { return std::move(client_); }

  void say(const std::string& bytes);
  std::string hear();
  std::uint64_t hear_id();
  void greet();  // greeting, and the answer to qmp_capabilities
  void answer(std::uint64_t id, const std::string& value);

 private:
  UniqueFd client_, own_;
  std::string rest_;
  std::thread thread_;
};

}  // namespace neonvm::qemu
