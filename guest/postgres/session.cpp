#include "guest/postgres/session.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace neonvm::guest::postgres {

Result<Session> Session::open(const std::string& socket_path, const std::string& user, Deadline deadline) {
  sockaddr_un address{};
  if (socket_path.size() >= sizeof address.sun_path) return Error{Code::invalid_argument, "too long a path: " + socket_path};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_error("socket", errno);
  // On a Unix socket this never is under way: it succeeds, or the server's queue is full.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return errno_error(socket_path, errno);
  Session session(std::move(fd), deadline);
  if (const Status greeted = session.greet(user); !greeted) return greeted.error();
  return session;
}

Status Session::greet(const std::string& user) {
  if (const Status sent = send(startup(user, "postgres")); !sent) return sent;
  for (;;) {
    const auto message = receive();
    if (!message) return message.error();
    if (message->type == 'Z') return {};
    if (message->type == 'E') return error_of(message->body);
    if (message->type == 'R' && authentication(message->body).value_or(1) != 0) {
      return Error{Code::permission_denied, "the server wants a password of " + user + "; pg_hba.conf: local all " + user + " peer"};
    }
  }
}

Result<std::vector<Row>> Session::rows(const std::string& sql) {
  if (const Status sent = send(query(sql)); !sent) return sent.error();
  std::vector<Row> rows;
  std::optional<Error> failed;
  for (;;) {
    const auto message = receive();
    if (!message) return message.error();
    if (message->type == 'E' && !failed) failed = error_of(message->body);
    if (message->type == 'D') {
      auto row = row_of(message->body);
      if (!row) return row.error();
      rows.push_back(std::move(*row));
    }
    if (message->type == 'Z') break;
  }
  if (failed) return *failed;
  return rows;
}

Status Session::wait(short what) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    pollfd one{fd_.get(), what, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&one, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready == 0) return Error{Code::deadline_exceeded, "the server has not answered in time"};
    if (errno != EINTR) return errno_error("poll", errno);
  }
}

Status Session::send(const std::string& bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (put > 0) {
      done += static_cast<std::size_t>(put);
    } else if (errno != EINTR) {
      if (errno != EAGAIN) return errno_error("the server has gone", errno);
      if (const Status ready = wait(POLLOUT); !ready) return ready;
    }
  }
  return {};
}

Result<Message> Session::receive() {
  for (;;) {
    auto message = take_message(bytes_);
    if (!message) return message.error();
    if (*message) return std::move(**message);
    if (const Status ready = wait(POLLIN); !ready) return ready.error();
    char buffer[8192];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got == 0) return Error{Code::unavailable, "the server has gone"};
    if (got > 0) bytes_.append(buffer, static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR && errno != EAGAIN) return errno_error("the server has gone", errno);
  }
}

}  // namespace neonvm::guest::postgres
