#include "cli/guest_session.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "core/wire/guest_protocol.hpp"

namespace neonvm::cli {

namespace {

using runtime::BlockingChannel;
using runtime::ChannelMessage;

constexpr Duration step_limit = std::chrono::seconds(30);

Deadline in(Duration d) { return std::chrono::steady_clock::now() + d; }

class Session {
 public:
  Session(BlockingChannel& channel, const GuestStreams& streams) : channel_(channel), streams_(streams), input_(streams.input) {
    if (!streams.forward_signals) return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &before_);
    signals_ = signalfd(-1, &set, SFD_CLOEXEC);
  }
  ~Session() {
    if (signals_ < 0) return;
    close(signals_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<int> run() {
    if (input_ < 0) {
      if (auto ended = end_input(); !ended) return ended.error();
    }
    while (true) {
      if (channel_.buffered()) {
        auto done = take_message();
        if (!done || *done) return done ? Result<int>(exit_code_) : Result<int>(done.error());
        continue;
      }
      std::array<pollfd, 3> fds{{{channel_.fd(), POLLIN, 0},
                                 {unacknowledged_ < wire::stream_window ? input_ : -1, POLLIN, 0},
                                 {signals_, POLLIN, 0}}};
      if (poll(fds.data(), fds.size(), -1) < 0) {
        if (errno == EINTR) continue;
        return Error{Code::internal, "poll failed"};
      }
      if (fds[2].revents != 0) pass_signal();
      if (fds[1].revents != 0) {
        if (auto sent = send_input(); !sent) return sent.error();
      }
      if (fds[0].revents != 0) {
        auto done = take_message();
        if (!done) return done.error();
        if (*done) return exit_code_;
      }
    }
  }

 private:
  Status end_input() { return channel_.send({true, std::string(1, '\0')}, in(step_limit)); }

  Status send_input() {
    std::array<char, wire::stream_chunk> bytes;
    // The guest ends a stream that goes beyond its window, by one byte as by many. REQUIRES unacknowledged_ below it.
    const ssize_t n = read(input_, bytes.data(), std::min(bytes.size(), wire::stream_window - unacknowledged_));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return {};
    if (n <= 0) {
      input_ = -1;
      return end_input();
    }
    unacknowledged_ += static_cast<std::size_t>(n);
    return channel_.send({true, std::string(1, '\0') + std::string(bytes.data(), static_cast<std::size_t>(n))}, in(step_limit));
  }

  void pass_signal() {
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    std::string text = wire::encode(wire::GuestMessage(wire::Signal{0, static_cast<int>(info.ssi_signo)}));
    (void)channel_.send({false, text}, in(step_limit));
  }

  // True when the session is over.
  Result<bool> take_message() {
    auto message = channel_.receive(in(step_limit));
    if (!message) {
      // A control frame may have woken us without a message.
      if (message.error().code == Code::deadline_exceeded) return false;
      return message.error();
    }
    if (message->binary) {
      if (message->data.size() < 2) return false;
      if (!streams_.output(message->data[0], std::string_view(message->data).substr(1))) {
        return Error{Code::cancelled, "the output cannot be written"};
      }
      return false;
    }
    if (message->data.rfind(R"({"ack":)", 0) == 0) {
      const std::size_t bytes = std::strtoull(message->data.c_str() + 7, nullptr, 10);
      unacknowledged_ -= std::min(unacknowledged_, bytes);
      return false;
    }
    auto end = wire::decode_exec_end(message->data);
    if (!end) return end.error();
    if (!end->error.empty()) return Error{Code::refused, end->error};
    exit_code_ = end->exit_code;
    return true;
  }

  BlockingChannel& channel_;
  const GuestStreams& streams_;
  int input_;
  int signals_ = -1;
  sigset_t before_{};
  std::size_t unacknowledged_ = 0;
  int exit_code_ = 0;
};

}  // namespace

Result<int> guest_session(const RunnerReach& runner, const wire::ExecRequest& request, const GuestStreams& streams) {
  auto channel = runner.open("/v1/exec", in(std::chrono::seconds(10)));
  if (!channel) return channel.error();
  if (auto sent = (*channel)->send({false, wire::encode(request)}, in(step_limit)); !sent) return sent.error();
  return Session(**channel, streams).run();
}

}  // namespace neonvm::cli
