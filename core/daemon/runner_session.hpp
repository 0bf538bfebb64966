// One exec, put or get: a channel of a CLI on one side, a stream of the guest on the other. Private to runner_door.
#pragma once

#include "core/daemon/runner_door.hpp"

namespace neonvm::daemon {

struct RunnerDoor::Session {
  ChannelPtr channel;
  std::uint64_t id = 0;          // the guest's request id; 0: not begun
  std::string op;
  bool over = false;
  std::map<wire::Stream, std::uint64_t> owed;  // bytes passed on to the channel and not yet acknowledged to the guest
};

}  // namespace neonvm::daemon
