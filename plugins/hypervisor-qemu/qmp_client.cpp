#include "plugins/hypervisor-qemu/qmp_client.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "plugins/hypervisor-qemu/clock.hpp"
#include "plugins/hypervisor-qemu/qmp_commands.hpp"

namespace neonvm::qemu {

Result<std::unique_ptr<QmpClient>> QmpClient::begin(UniqueFd socket, Handlers handlers, Deadline deadline) {
  if (::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK) != 0) {
    return Error{Code::internal, std::string("QMP socket: ") + std::strerror(errno)};
  }
  std::unique_ptr<QmpClient> client(new QmpClient(std::move(socket), std::move(handlers)));
  if (auto done = client->negotiate(deadline); !done) return done.error();
  return client;
}

QmpClient::QmpClient(UniqueFd socket, Handlers handlers)
    : socket_(std::move(socket)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      handlers_(std::move(handlers)),
      reader_([this] { read_all(); }) {}

QmpClient::~QmpClient() {
  const std::uint64_t one = 1;
  // An eventfd takes eight bytes or nothing; nothing only when it is at its maximum, and then it is readable anyway.
  if (::write(stop_.get(), &one, sizeof one) != sizeof one) ::shutdown(socket_.get(), SHUT_RDWR);
  reader_.join();
}

Status QmpClient::negotiate(Deadline deadline) {
  {
    std::unique_lock lock(mutex_);
    if (!wait_until(changed_, lock, deadline, [this] { return greeted_ || lost_; })) {
      return Error{Code::deadline_exceeded, "no greeting from QEMU's monitor: it hangs, or it serves somebody else"};
    }
    if (lost_) return Error{Code::unavailable, "QEMU's monitor: " + why_lost_};
  }
  auto accepted = execute(qmp_capabilities(greeting_.out_of_band), deadline);
  if (!accepted) return accepted.error();
  return {};
}

std::vector<Result<std::string>> QmpClient::execute_all(std::span<const QmpCommand> commands, Deadline deadline) {
  std::uint64_t first = 0;
  Status sent;
  {
    const std::lock_guard write_lock(write_mutex_);
    std::string bytes;
    {
      const std::lock_guard lock(mutex_);
      first = last_id_ + 1;
      for (const QmpCommand& command : commands) {
        bytes += encode(command, ++last_id_);
        replies_[last_id_] = QmpReply{};
      }
      if (lost_) sent = Error{Code::unavailable, "QEMU's monitor: " + why_lost_};
    }
    if (sent) sent = send(bytes, deadline);
  }
  if (sent) return collect(commands, first, deadline);
  forget(first, commands.size());
  return std::vector<Result<std::string>>(commands.size(), Result<std::string>(sent.error()));
}

std::vector<Result<std::string>> QmpClient::collect(std::span<const QmpCommand> commands, std::uint64_t first,
                                                    Deadline deadline) {
  std::vector<Result<std::string>> results;
  {
    std::unique_lock lock(mutex_);
    wait_until(changed_, lock, deadline, [&] {
      if (lost_) return true;
      for (std::uint64_t id = first; id < first + commands.size(); ++id) {
        if (replies_[id].id == 0) return false;
      }
      return true;
    });
    for (std::size_t i = 0; i < commands.size(); ++i) results.push_back(outcome_of(first + i, commands[i].name));
  }
  forget(first, commands.size());
  return results;
}

Result<std::string> QmpClient::outcome_of(std::uint64_t id, const std::string& command) {
  QmpReply& reply = replies_[id];
  if (reply.id != 0 && reply.ok) return std::move(reply.body);
  if (reply.id != 0) return to_error(reply, command);
  if (lost_) return Error{Code::unavailable, command + ": " + why_lost_};
  return Error{Code::deadline_exceeded, "QEMU did not answer " + command + " in time"};
}

void QmpClient::forget(std::uint64_t first, std::size_t count) {
  const std::lock_guard lock(mutex_);
  for (std::uint64_t id = first; id < first + count; ++id) replies_.erase(id);
}

Status QmpClient::send(const std::string& bytes, Deadline deadline) {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t n = ::send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      lose(std::strerror(errno));
      return Error{Code::unavailable, std::string("QEMU's monitor: ") + std::strerror(errno)};
    }
    pollfd wait{socket_.get(), POLLOUT, 0};
    if (::poll(&wait, 1, poll_timeout(deadline)) != 0) continue;
    // Half a command would spoil the next one.
    if (rest.size() != bytes.size()) lose("a command could be sent only in part");
    return Error{Code::deadline_exceeded, "QEMU does not read its monitor"};
  }
  return {};
}

bool QmpClient::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

void QmpClient::read_all() {
  read_until_lost();
  pollfd stopped{stop_.get(), POLLIN, 0};
  if (::poll(&stopped, 1, 0) == 0) handlers_.on_lost();
}

void QmpClient::read_until_lost() {
  LineSplitter splitter;
  std::array<pollfd, 2> wait{pollfd{socket_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  while (true) {
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) return lose(std::strerror(errno));
    if (wait[1].revents != 0) return lose("closed by us");
    if (wait[0].revents != 0 && !read_some(splitter)) return;
  }
}

bool QmpClient::read_some(LineSplitter& splitter) {
  std::array<char, 16 * 1024> buffer;
  const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return true;
  if (n <= 0) {
    lose(n == 0 ? "QEMU closed it" : std::strerror(errno));
    return false;
  }
  auto lines = splitter.feed({buffer.data(), static_cast<std::size_t>(n)});
  if (!lines) {
    lose(lines.error().message);
    return false;
  }
  for (const std::string& line : *lines) {
    auto message = parse_qmp(line);
    if (!message) {
      lose(message.error().message);
      return false;
    }
    take(std::move(*message));
  }
  return true;
}

void QmpClient::take(QmpMessage message) {
  if (const auto* event = std::get_if<QmpEvent>(&message)) return handlers_.on_event(*event);
  const std::lock_guard lock(mutex_);
  if (const auto* greeting = std::get_if<QmpGreeting>(&message)) {
    greeting_ = *greeting;
    greeted_ = true;
  } else if (auto* reply = std::get_if<QmpReply>(&message); reply->id != 0) {
    // Unknown: whoever asked has given up.
    if (const auto asked = replies_.find(reply->id); asked != replies_.end()) asked->second = std::move(*reply);
  }
  changed_.notify_all();
}

void QmpClient::lose(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!lost_) why_lost_ = why;
  lost_ = true;
  // So that a QEMU that lives sees us go and serves the next client.
  ::shutdown(socket_.get(), SHUT_RDWR);
  changed_.notify_all();
}

}  // namespace neonvm::qemu
