// HostLink: the guest's end of wire/guest_protocol: opens the port, keeps the sessions apart, passes messages on.
//
// Called by guest/monitor. Threads: loop thread. Lifetime: opens by itself until destroyed; open() only hurries it (a port
// has appeared). Failure: an opener that refuses is asked again every `retry`; a broken line is answered with an `error`
// and with a hello, in case the host is a new one; nothing that the host sends ends the link.
//
// A session begins with the host's hello and ends with the next unknown one or when the host hangs up. Between sessions
// everything but a hello is passed over, and send() drops what it is given.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/guest_protocol.hpp"
#include "guest/port_stream.hpp"

namespace neonvm::guest {

struct LinkHandlers {
  std::function<wire::Hello()> hello;                    // ours, with the facts of now
  std::function<void()> session_began;
  std::function<void(wire::GuestMessage)> message;       // never a Hello, LinkError or UnknownMessage
  std::function<void(const std::string& why)> session_ended;
};

class HostLink {
 public:
  using Opener = std::function<Result<Fd>()>;
  HostLink(runtime::Loop& loop, Opener opener, LinkHandlers handlers,
           Duration retry = std::chrono::milliseconds(500));

  void open();
  void send(const wire::GuestMessage& message, Lane lane = Lane::control);
  [[nodiscard]] bool in_session() const { return !host_session_.empty(); }
  // Bytes that wait for the host to read.
  [[nodiscard]] std::size_t queued() const { return stream_ ? stream_->queued() : 0; }

 private:
  void opened(Fd fd);
  void retry_later();
  void say_hello();
  void received(std::string_view line);
  void greeted(const wire::Hello& hello);
  void broken(const std::string& why);
  void end_session(const std::string& why);

  runtime::Loop& loop_;
  Opener opener_;
  LinkHandlers handlers_;
  Duration retry_;
  std::unique_ptr<PortStream> stream_;
  runtime::Timer timer_;
  std::string host_session_;
  std::string refusal_;              // the opener's last word, so that it is logged once
  std::set<std::string> unknown_types_;
  Instant next_answer_{};            // to broken lines: not more than a few a second
};

// /dev/vportNpM of the virtio-serial port with that name. Refused: there is none (yet).
Result<std::string> find_port(const std::string& name, const std::string& sys = "/sys/class/virtio-ports",
                              const std::string& dev = "/dev");
Result<Fd> open_port(const std::string& name);

}  // namespace neonvm::guest
