#include "guest/power.hpp"

#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "core/runtime/log.hpp"
#include "guest/file_text.hpp"
#include "guest/storage.hpp"

namespace neonvm::guest {

int power_off_signal(const std::string& root) {
  const bool systemd = ::access((root + "/run/systemd/system").c_str(), F_OK) == 0;
  return systemd ? SIGRTMIN + 4 : SIGUSR2;
}

Status ask_init_to_power_off() {
  if (::kill(1, power_off_signal()) != 0) return errno_error("PID 1", errno);
  return {};
}

Status end_machine(PowerEnd end) {
  ::sync();
  freeze_storage();
  ::reboot(end == PowerEnd::off ? RB_POWER_OFF : RB_AUTOBOOT);
  return errno_error("power-off", errno);
}

void PowerOff::start() {
  if (const Status asked = ask_init_to_power_off(); !asked) {
    runtime::log_warning("power", "PID 1 cannot be asked", {{"why", asked.error().message}});
  }
  timer_ = loop_.after(patience_, [] {
    runtime::log_warning("power", "PID 1 has not acted, ending the machine");
    const Status ended = end_machine(PowerEnd::off);
    runtime::log_error("power", "not powered off", {{"why", ended.error().message}});
  });
}

}  // namespace neonvm::guest
