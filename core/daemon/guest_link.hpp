// GuestLink: the runner's end of the push link to `neonvm monitor` (wire/guest_protocol) over the virtio-serial socket.
//
// Loop thread only. Reconnects for ever; a guest without a monitor is normal. `connected` means that this session's
// hello came and that the guest spoke within `silence`. Failure: a request is answered by exactly one callback: the
// guest's reply, deadline_exceeded, or unavailable when the session ended or none was there.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "core/daemon/socket_stream.hpp"
#include "core/model/result.hpp"
#include "core/wire/guest_protocol.hpp"

namespace neonvm::daemon {

class GuestLink {
 public:
  struct Callbacks {
    std::function<void(const wire::Hello&)> came;
    std::function<void(const std::string& why)> went;
    std::function<void(wire::SampleMessage)> sample;
    std::function<void(const wire::WantMemory&)> want;
    std::function<void(const wire::WorkloadEnded&)> workload_ended;
    std::function<void(const WorkloadHealth&)> health;
    std::function<void(const std::vector<std::string>&)> notices;
    std::function<void(wire::StreamData)> data;
    std::function<void(const wire::Ack&)> ack;
  };
  using Done = std::function<void(Result<wire::Reply>)>;

  static constexpr Duration ping_after = std::chrono::seconds(5);
  static constexpr Duration silence = std::chrono::seconds(15);

  GuestLink(runtime::Loop& loop, std::string socket_path, Callbacks callbacks);

  void start();
  void stop();
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] const wire::Hello& peer() const { return peer_; }

  // Sends `message`, whose id is filled in here, and returns that id. timeout zero: none (exec, files).
  template <typename Message>
  std::uint64_t request(Message message, Duration timeout, Done done) {
    message.id = ++last_id_;
    begin(message.id, wire::encode(wire::GuestMessage(std::move(message))), timeout, std::move(done));
    return last_id_;
  }
  void send(const wire::GuestMessage& message);
  // Forgets a request without calling its `done`.
  void forget(std::uint64_t id) { waiting_.erase(id); }

 private:
  struct Waiting {
    Done done;
    runtime::Timer timeout;
  };
  void begin(std::uint64_t id, const std::string& line, Duration timeout, Done done);
  void received(std::string_view bytes);
  void line(std::string_view text);
  void greet();
  void hello(const wire::Hello& message);
  void reply(wire::Reply message);
  void lose(const std::string& why);
  void watch_silence();

  runtime::Loop& loop_;
  Callbacks callbacks_;
  SocketStream stream_;
  std::string session_;
  std::string in_;
  bool dropping_ = false;        // inside a line that is too long
  bool connected_ = false;
  wire::Hello peer_;
  Instant heard_{};
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;
  runtime::Timer silence_timer_;
};

}  // namespace neonvm::daemon
