// ScriptedGuest: the guest's end of the push link, on a Unix socket that a test's runner connects to.
//
// Plays `neonvm monitor` and, as QEMU would, the socket of the virtio port. Runs on a thread of its own; its members
// may be called from the test's thread. Behaves well unless told otherwise.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/wire/guest_protocol.hpp"

namespace neonvm::fakes {

class ScriptedGuest {
 public:
  explicit ScriptedGuest(std::string socket_path, std::uint32_t cpus_online = 1);
  ~ScriptedGuest();

  // What the guest does; changed at any time.
  std::atomic<std::uint32_t> cpus_online{1};
  std::atomic<std::uint32_t> most_cpus{64};      // CPUs above never come online
  std::atomic<bool> silent{false};               // reads, answers nothing
  std::atomic<bool> refuses_shrink{false};       // with a floor of 1 GiB
  std::atomic<bool> knows_clock{true};
  std::atomic<bool> tells_clock{true};           // to whoever asks
  std::atomic<bool> has_check{false};            // of its workload's health
  std::atomic<Duration> clock_ahead{Duration{}}; // of the real one

  void send(const wire::GuestMessage& message);
  void drop_connection();                        // as after a migration or when the runner went
  [[nodiscard]] std::vector<wire::GuestMessage> heard() const;

 private:
  void serve();
  void talk(int fd);
  void answer(const wire::GuestMessage& message);

  std::string path_;
  int listener_ = -1;
  std::atomic<int> peer_{-1};
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::vector<wire::GuestMessage> heard_;
  std::thread thread_;
};

}  // namespace neonvm::fakes
