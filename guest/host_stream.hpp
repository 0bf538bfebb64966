// HostStream: one stream of the link (a command, a file), as guest/streams sees it.
//
// Implemented by ExecStream, PutStream, GetStream. Threads: loop thread. Lifetime: owned by Streams; destroyed when it has
// finished or the session has ended, and then it leaves nothing behind. Failure: finished() with !ok and a reason.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/wire/guest_protocol.hpp"
#include "guest/child_process.hpp"

namespace neonvm::guest {

// What a stream needs of its surroundings. finished() is called once and is the stream's last deed.
// left_behind: a command that still runs when its stream ends; somebody must wait for it.
struct StreamExits {
  std::function<void(const wire::GuestMessage&)> send;
  std::function<void(wire::Reply)> finished;
  std::function<void(std::unique_ptr<ChildProcess>)> left_behind;
};

class HostStream {
 public:
  virtual ~HostStream() = default;
  virtual void data(const wire::StreamData& data) = 0;
  virtual void acknowledged(const wire::Ack& ack) = 0;
  virtual void signal(int) {}
};

inline wire::Reply refusal(std::uint64_t id, std::string why) {
  wire::Reply reply;
  reply.id = id;
  reply.why = std::move(why);
  return reply;
}

inline wire::Reply consent_to(std::uint64_t id) {
  wire::Reply reply;
  reply.id = id;
  reply.ok = true;
  return reply;
}

}  // namespace neonvm::guest
