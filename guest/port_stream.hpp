// PortStream: lines to and from the host over an open virtio-serial port, with the port's comings and goings.
//
// Called by guest/host_link. Threads: loop thread. Lifetime: owns the descriptor; no handler is called after destruction,
// and no handler may destroy the stream. Two lanes: control lines overtake bulk ones, whole lines only. Failure: gone()
// means that this descriptor is of no more use; disconnected() that the host has hung up and may come back to it.
// SIGPIPE must be ignored (a socket in a test).
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "guest/edge_watch.hpp"
#include "guest/file_text.hpp"
#include "guest/line_reader.hpp"

namespace neonvm::guest {

enum class Lane { control, bulk };

struct PortHandlers {
  std::function<void()> connected;
  std::function<void(std::string_view)> line;
  std::function<void()> too_long;
  std::function<void()> disconnected;
  std::function<void(const Error&)> gone;
};

class PortStream {
 public:
  PortStream(Fd fd, std::size_t line_limit, PortHandlers handlers);
  Status open(runtime::Loop& loop);

  // With its newline. Dropped while the host is not there: it would be old news.
  void send(std::string line, Lane lane);
  [[nodiscard]] std::size_t queued() const { return queued_; }

 private:
  void changed();
  void read_all();
  void write_all();
  bool write_front(std::deque<std::string>& lane);
  [[nodiscard]] bool host_is_there() const;
  void hung_up();

  Fd fd_;
  bool is_device_ = false;          // a socket in a test cannot be reconnected, a port can
  PortHandlers handlers_;
  LineReader lines_;
  EdgeWatch watch_;
  bool connected_ = false;
  std::deque<std::string> control_, bulk_;
  std::deque<std::string>* begun_ = nullptr;  // the lane whose first line is half written
  std::size_t written_ = 0;                   // bytes of that line
  std::size_t queued_ = 0;
};

}  // namespace neonvm::guest
