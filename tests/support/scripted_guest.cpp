#include "tests/support/scripted_guest.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace neonvm::fakes {

ScriptedGuest::ScriptedGuest(std::string socket_path, std::uint32_t online)
    : cpus_online(online), path_(std::move(socket_path)) {
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
  unlink(path_.c_str());
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener_, 4) != 0) {
    throw std::runtime_error("cannot listen on " + path_);
  }
  thread_ = std::thread([this] { serve(); });
}

ScriptedGuest::~ScriptedGuest() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  drop_connection();
  thread_.join();
  close(listener_);
  unlink(path_.c_str());
}

void ScriptedGuest::drop_connection() {
  if (const int fd = peer_; fd >= 0) shutdown(fd, SHUT_RDWR);
}

void ScriptedGuest::serve() {
  while (!ending_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    peer_ = fd;
    talk(fd);
    peer_ = -1;
    close(fd);
  }
}

void ScriptedGuest::talk(int fd) {
  std::string in;
  std::array<char, 4096> bytes;
  while (!ending_) {
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n <= 0) return;
    in.append(bytes.data(), static_cast<std::size_t>(n));
    for (std::size_t end = 0; (end = in.find('\n')) != std::string::npos; in.erase(0, end + 1)) {
      auto message = wire::decode_guest_message(std::string_view(in).substr(0, end));
      if (!message) continue;
      {
        const std::lock_guard lock(mutex_);
        heard_.push_back(*message);
      }
      if (!silent) answer(*message);
    }
  }
}

void ScriptedGuest::send(const wire::GuestMessage& message) {
  const std::string line = wire::encode(message);
  if (const int fd = peer_; fd >= 0) (void)::send(fd, line.data(), line.size(), MSG_NOSIGNAL);
}

std::vector<wire::GuestMessage> ScriptedGuest::heard() const {
  const std::lock_guard lock(mutex_);
  return heard_;
}

void ScriptedGuest::answer(const wire::GuestMessage& message) {
  wire::Reply reply;
  reply.ok = true;
  if (std::get_if<wire::Hello>(&message)) {
    wire::Hello mine;
    mine.session = "guest";
    mine.version = "test";
    mine.cpus_online = cpus_online;
    if (knows_clock) mine.features = {"clock"};
    if (has_check) mine.features.emplace_back("healthcheck");
    return send(mine);
  }
  if (const auto* order = std::get_if<wire::SetCpus>(&message)) {
    reply.id = order->id;
    cpus_online = std::min<std::uint32_t>(order->count, most_cpus);
    reply.ok = cpus_online == order->count;
    if (!reply.ok) reply.why = "a CPU does not come online";
    reply.cpus_online = cpus_online.load();
  } else if (const auto* question = std::get_if<wire::AskConsent>(&message)) {
    reply.id = question->id;
    if (refuses_shrink) {
      reply.ok = false;
      reply.why = "in use";
      reply.floor = Bytes{gib};
    }
  } else if (const auto* news = std::get_if<wire::TellGrown>(&message)) {
    reply.id = news->id;
  } else if (const auto* ping = std::get_if<wire::Ping>(&message)) {
    reply.id = ping->id;
  } else if (const auto* asked = std::get_if<wire::AskClock>(&message)) {
    reply.id = asked->id;
    if (tells_clock) reply.clock = std::chrono::system_clock::now().time_since_epoch() + clock_ahead.load();
  } else if (const auto* set = std::get_if<wire::SetClock>(&message)) {
    reply.id = set->id;
    clock_ahead = clock_ahead.load() + set->behind;
    reply.why = set->behind > Duration{} ? "set forward by so much" : "set back by so much";
    if (std::chrono::abs(set->behind) > std::chrono::milliseconds(500)) {
      reply.told = set->behind > Duration{} ? wire::Told::news : wire::Told::warning;
    }
  } else if (const auto* drop = std::get_if<wire::DropSlab>(&message)) {
    reply.id = drop->id;
  } else if (const auto* off = std::get_if<wire::Shutdown>(&message)) {
    reply.id = off->id;
  } else {
    return;
  }
  send(reply);
}

}  // namespace neonvm::fakes
