#include "plugins/orchestrator-local/clock.hpp"

#include <time.h>

#include "plugins/orchestrator-local/text_file.hpp"

namespace neonvm::local {
namespace {

Duration since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

WallTime wall() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

}  // namespace

Clock system_clock() {
  std::string boot_id = read_file("/proc/sys/kernel/random/boot_id").value_or("unknown");
  while (!boot_id.empty() && boot_id.back() == '\n') boot_id.pop_back();
  return {since_boot, wall, boot_id};
}

}  // namespace neonvm::local
