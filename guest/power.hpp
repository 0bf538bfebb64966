// power: asks this guest's PID 1 to power off in order, whichever init it is; and what our own init does in the end.
//
// Called by guest/monitor and guest/init. Failure: a Result; a PID 1 that does not act within `patience` is passed over
// and the kernel is told directly, with all file systems frozen: the host asked for power-off and will pull the plug otherwise.
#pragma once

#include <functional>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::guest {

enum class PowerEnd { off, reboot };

// systemd takes SIGRTMIN+4, neonvm init and busybox init SIGUSR2.
int power_off_signal(const std::string& root = "");
Status ask_init_to_power_off();
// Writes everything back and ends this machine. Returns only if the kernel refuses.
Status end_machine(PowerEnd end);

class PowerOff {
 public:
  explicit PowerOff(runtime::Loop& loop, Duration patience = std::chrono::seconds(10)) : loop_(loop), patience_(patience) {}
  void start();

 private:
  runtime::Loop& loop_;
  Duration patience_;
  runtime::Timer timer_;
};

}  // namespace neonvm::guest
