// Raw: a bare socket that says anything to a server, well-formed or not. Backstage: a Loop on a thread of its own, for tests whose
// own thread blocks as a client.
#pragma once

#include <sys/socket.h>

#include <string>
#include <thread>

#include "core/runtime/http.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::runtime {

inline Deadline soon(Duration limit = std::chrono::seconds(10)) { return std::chrono::steady_clock::now() + limit; }

class Raw {
 public:
  explicit Raw(const Endpoint& endpoint);
  explicit Raw(int fd) : fd_(fd) {}
  ~Raw() { close(); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  // false: the other side has gone.
  bool say(std::string_view text) const;
  // Until `end` was seen, or the other side closed, or 10 s passed.
  std::string hear_until(std::string_view end);
  std::string hear_all() { return hear_until(std::string_view("\0never\0", 7)); }
  // Whether the other side has closed; waits for it.
  bool closed();
  void close();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

class Backstage {
 public:
  Backstage() : thread_([this] { loop.run(); }) {}
  ~Backstage() { end(); }
  // Runs `task` on the loop and waits for it.
  void on_loop(const std::function<void()>& task);
  void end();

  Loop loop;

 private:
  std::thread thread_;
};

std::size_t open_descriptors();
// What a WebSocket server answers to that Sec-WebSocket-Key (RFC 6455 4.2.2).
std::string websocket_accept(const std::string& key);
void bind_unix(int fd, const std::string& path);

}  // namespace neonvm::runtime
