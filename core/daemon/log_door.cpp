#include "core/daemon/log_door.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/daemon/log_tail.hpp"
#include "core/runtime/unique_fd.hpp"
#include "core/wire/log_request.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::daemon {
namespace {

using runtime::UniqueFd;

// What waits for a slow peer at most; far below the channel's own limit.
constexpr std::size_t most_queued = 256 * 1024;

}  // namespace

struct LogDoor::Reader {
  std::shared_ptr<runtime::Channel> channel;
  UniqueFd file, news;                     // news: inotify, closed without follow
  off_t at = 0;
  runtime::FdWatch watch;
  bool over = false;

  void pump() {
    std::array<char, 16384> block;
    while (!over && channel->queued() < most_queued) {
      const ssize_t n = pread(file.get(), block.data(), block.size(), at);
      if (n <= 0) {
        if (!news) end("");
        return;
      }
      at += n;
      channel->send_binary(std::string(block.data(), static_cast<std::size_t>(n)));
    }
  }

  void end(const std::string& error) {
    over = true;
    channel->send(wire::encode(wire::ExecEnd{0, error}));
    channel->close();
  }

  void told() {
    std::array<char, 4096> events;
    while (read(news.get(), events.data(), events.size()) > 0) {}
    pump();
  }
};

LogDoor::LogDoor(runtime::Loop& loop, runtime::HttpServer& server, std::string path) : loop_(loop), path_(std::move(path)) {
  server.channel("/v1/log", [this](const runtime::HttpRequest&, const std::shared_ptr<runtime::Channel>& channel) { open(channel); });
}

LogDoor::~LogDoor() { *alive_ = false; }

void LogDoor::open(const std::shared_ptr<runtime::Channel>& channel) {
  Reader& reader = *(readers_[++last_] = std::make_unique<Reader>());
  reader.channel = channel;
  channel->on_message([this, alive = alive_, raw = &reader](const runtime::ChannelMessage& message) {
    if (*alive && !raw->file && !raw->over) begin(*raw, message.data);
  });
  channel->on_drained([alive = alive_, raw = &reader] {
    if (*alive && raw->file) raw->pump();
  });
  // Deferred: the reader may be the one that is closing it.
  channel->on_closed([this, alive = alive_, id = last_](const Error&) {
    if (*alive) loop_.post([this, alive, id] { if (*alive) readers_.erase(id); });
  });
}

void LogDoor::begin(Reader& reader, const std::string& request) {
  const auto wish = wire::decode_log_request(request);
  if (!wish) return reader.end(wish.error().message);
  UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!file || fstat(file.get(), &info) != 0) {
    return reader.end(errno == ENOENT ? "nothing has been printed yet" : std::strerror(errno));
  }
  reader.at = tail_begin(file.get(), info.st_size, wish->tail);
  reader.file = std::move(file);
  if (wish->follow) {
    reader.news = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!reader.news || inotify_add_watch(reader.news.get(), path_.c_str(), IN_MODIFY) < 0) {
      return reader.end(std::string("cannot be followed: ") + std::strerror(errno));
    }
    reader.watch = loop_.watch_readable(reader.news.get(), [raw = &reader] { raw->told(); });
  }
  reader.pump();
}

}  // namespace neonvm::daemon
