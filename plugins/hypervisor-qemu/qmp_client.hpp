// QmpClient: one connection to a QEMU monitor.
//
// Used by qemu_machine. Commands carry ids, so several threads may have commands under way at once and a reply that
// comes after its deadline is dropped, not taken for another's. One own thread reads.
// Threads: every method from any thread; the handlers run on the reading thread and must not execute commands.
// Lifetime: the destructor closes the connection and joins the thread; no handler runs after it.
// Failure: deadline_exceeded when QEMU is silent (it may still do the deed), unavailable once the connection is lost,
// what QEMU said when it refused. A connection is lost at EOF, at an error, at a byte stream that is not QMP, and when
// a command could be sent only in part. It is never mended: connect again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/hypervisor-qemu/monitor.hpp"
#include "plugins/hypervisor-qemu/qmp_message.hpp"
#include "plugins/hypervisor-qemu/unique_fd.hpp"

namespace neonvm::qemu {

class QmpClient final : public Monitor {
 public:
  struct Handlers {
    std::function<void(const QmpEvent&)> on_event;
    std::function<void()> on_lost;  // the last call, after every event; not when we are the ones who close
  };

  // Waits for the greeting (a monitor that serves another client gives none) and negotiates. `socket` is connected.
  static Result<std::unique_ptr<QmpClient>> begin(UniqueFd socket, Handlers handlers, Deadline deadline);
  ~QmpClient() override;
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  [[nodiscard]] const QmpGreeting& greeting() const { return greeting_; }

  std::vector<Result<std::string>> execute_all(std::span<const QmpCommand> commands, Deadline deadline) override;

  [[nodiscard]] bool lost() const;

 private:
  QmpClient(UniqueFd socket, Handlers handlers);

  Status negotiate(Deadline deadline);
  Status send(const std::string& bytes, Deadline deadline);
  std::vector<Result<std::string>> collect(std::span<const QmpCommand> commands, std::uint64_t first,
                                           Deadline deadline);
  Result<std::string> outcome_of(std::uint64_t id, const std::string& command);
  void forget(std::uint64_t first, std::size_t count);
  void read_all();
  void read_until_lost();
  bool read_some(LineSplitter& splitter);
  void take(QmpMessage message);
  void lose(const std::string& why);

  UniqueFd socket_;
  UniqueFd stop_;                              // eventfd: ends the reader
  Handlers handlers_;
  QmpGreeting greeting_;
  std::mutex write_mutex_;                     // one command's bytes at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool greeted_ = false;
  bool lost_ = false;
  std::string why_lost_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, QmpReply> replies_;  // id 0 inside: not answered yet
  std::thread reader_;
};

}  // namespace neonvm::qemu
