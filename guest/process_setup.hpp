// process_setup: what `neonvm monitor` asks of the kernel for itself before it starts, and undoes for its children.
//
// Called by guest/monitor, guest/child_process, guest/init. Failure: none; each wish that is refused (not root) is passed
// over, because the monitor works without, only later under load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace neonvm::guest {

// Spared by the OOM killer, ahead of busy loops in the queue, what it touches kept in memory, SIGPIPE ignored, and
// standard descriptors open.
void harden_process();
// In a child between fork and exec: the opposite. Only async-signal-safe calls.
void soften_child();
void keep_standard_open();

struct Owner {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
};
// In a child between fork and exec; false, with errno: it must not go on. Only async-signal-safe calls.
bool take_owner(const Owner& owner);

// 16 hex digits from the kernel's random numbers.
std::string random_session();

}  // namespace neonvm::guest
