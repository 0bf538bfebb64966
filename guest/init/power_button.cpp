#include "guest/init/power_button.hpp"

#include <fcntl.h>
#include <linux/input.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>

namespace neonvm::guest {
namespace {

bool has_power_key(int fd) {
  unsigned char keys[KEY_MAX / 8 + 1] = {};
  if (::ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) < 0) return false;
  return (keys[KEY_POWER / 8] >> (KEY_POWER % 8) & 1) != 0;
}

}  // namespace

void PowerButton::open(const std::string& folder) {
  devices_.clear();
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    if (!entry->path().filename().string().starts_with("event")) continue;
    Fd fd(::open(entry->path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (fd.valid() && has_power_key(fd.get())) devices_.push_back(std::move(fd));
  }
}

bool PowerButton::pressed() const {
  bool down = false;
  for (const Fd& device : devices_) {
    input_event event{};
    while (::read(device.get(), &event, sizeof event) == static_cast<ssize_t>(sizeof event)) {
      down = down || (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1);
    }
  }
  return down;
}

}  // namespace neonvm::guest
