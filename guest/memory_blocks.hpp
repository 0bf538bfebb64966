// MemoryBlocks: switches hot-plugged memory on where the kernel was not told to do it by itself.
//
// Called by guest/monitor. Threads: loop thread; one write a block, each a few milliseconds. With memhp_default_state=
// online… on the command line the kernel has been faster and there is nothing to do. Failure: said with the block's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::guest {

class MemoryBlocks {
 public:
  explicit MemoryBlocks(std::string root = "/sys/devices/system/memory") : root_(std::move(root)) {}

  // Every block that is offline: at the start and after lost events. Returns what was refused.
  std::vector<Error> switch_all_on() const;
  // A block that just appeared. Movable, so that it can leave again.
  Status switch_on(std::uint32_t block) const;

 private:
  std::string root_;
};

}  // namespace neonvm::guest
