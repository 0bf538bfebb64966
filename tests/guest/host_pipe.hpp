// HostPipe: the host's end of a link over a socket pair, as lines and as messages.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "core/wire/guest_protocol.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {

class HostPipe {
 public:
  HostPipe() {
    ::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
    here_.reset(ends[0]);
    theirs_.reset(ends[1]);
  }
  // The guest's end; once.
  Fd take() { return std::move(theirs_); }
  void hang_up() { here_.reset(); }
  void write(const std::string& text) const {
    if (::write(here_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  void send(const wire::GuestMessage& message) const { write(wire::encode(message)); }
  void greet(const std::string& session) const {
    wire::Hello hello;
    hello.session = session;
    send(hello);
  }
  // Everything that has come so far and could be read as a message.
  const std::vector<wire::GuestMessage>& got() {
    char buffer[65536];
    for (ssize_t n = ::read(here_.get(), buffer, sizeof buffer); n > 0; n = ::read(here_.get(), buffer, sizeof buffer)) {
      rest_.append(buffer, static_cast<std::size_t>(n));
    }
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      if (auto message = wire::decode_guest_message(rest_.substr(0, end))) got_.push_back(std::move(*message));
      rest_.erase(0, end + 1);
    }
    return got_;
  }
  template <typename Kind>
  std::vector<Kind> all() {
    std::vector<Kind> found;
    for (const auto& message : got()) {
      if (const auto* one = std::get_if<Kind>(&message)) found.push_back(*one);
    }
    return found;
  }

 private:
  Fd here_, theirs_;
  std::string rest_;
  std::vector<wire::GuestMessage> got_;
};

}  // namespace neonvm::guest
