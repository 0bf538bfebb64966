// SendWindow: how much of a stream may still be sent before the other side has said that it consumed some.
//
// Called by guest's streams. Pure; a value. An acknowledgement of more than was sent counts as all of it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/wire/guest_protocol.hpp"

namespace neonvm::guest {

class SendWindow {
 public:
  // Bytes to send at once: at most a chunk; 0: wait for an acknowledgement.
  [[nodiscard]] std::size_t room() const {
    return std::min<std::size_t>(wire::stream_chunk, wire::stream_window - static_cast<std::size_t>(unacknowledged_));
  }
  void sent(std::size_t bytes) { unacknowledged_ += bytes; }
  void acknowledged(std::uint64_t bytes) { unacknowledged_ -= std::min(bytes, unacknowledged_); }

 private:
  std::uint64_t unacknowledged_ = 0;
};

}  // namespace neonvm::guest
