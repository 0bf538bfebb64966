#include "core/daemon/log_door.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/daemon/log_tail.hpp"
#include "core/runtime/unique_fd.hpp"

namespace neonvm::daemon {
namespace {

using runtime::UniqueFd;

// What waits for a slow peer at most; far below the channel's own limit.
constexpr std::size_t most_queued = 256 * 1024;
constexpr std::uint16_t normal = 1000, broken = 1011;

// The value of key in "a=1&b=2"; none: "".
std::string_view value_of(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    if (part.size() > key.size() && part.starts_with(key) && part[key.size()] == '=') return part.substr(key.size() + 1);
  }
  return {};
}

}  // namespace

struct LogDoor::Reader {
  std::shared_ptr<runtime::Channel> channel;
  UniqueFd file, news;                     // news: inotify, closed without follow
  off_t at = 0;
  runtime::FdWatch watch;

  void pump() {
    std::array<char, 16384> block;
    while (channel->queued() < most_queued) {
      const ssize_t n = pread(file.get(), block.data(), block.size(), at);
      if (n <= 0) {
        if (!news) channel->close(normal);
        return;
      }
      at += n;
      channel->send_binary(std::string(block.data(), static_cast<std::size_t>(n)));
    }
  }

  void told() {
    std::array<char, 4096> events;
    while (read(news.get(), events.data(), events.size()) > 0) {}
    pump();
  }
};

LogDoor::LogDoor(runtime::Loop& loop, runtime::HttpServer& server, std::string path) : loop_(loop), path_(std::move(path)) {
  server.channel("/v1/log", [this](const runtime::HttpRequest& request, const std::shared_ptr<runtime::Channel>& channel) { open(request, channel); });
}

LogDoor::~LogDoor() { *alive_ = false; }

void LogDoor::open(const runtime::HttpRequest& request, const std::shared_ptr<runtime::Channel>& channel) {
  const std::size_t mark = request.target.find('?');
  const std::string_view query = mark == std::string::npos ? std::string_view() : std::string_view(request.target).substr(mark + 1);
  auto reader = std::make_unique<Reader>();
  reader->channel = channel;
  reader->file = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  if (!reader->file || fstat(reader->file.get(), &info) != 0) {
    return channel->close(broken, errno == ENOENT ? "nothing has been printed yet" : std::strerror(errno));
  }
  std::int64_t lines = -1;
  const std::string_view tail = value_of(query, "tail");
  if (!tail.empty() && std::from_chars(tail.data(), tail.data() + tail.size(), lines).ec != std::errc()) return channel->close(broken, "tail: is not a number");
  reader->at = tail_begin(reader->file.get(), info.st_size, lines);
  if (value_of(query, "follow") == "1") {
    reader->news = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!reader->news || inotify_add_watch(reader->news.get(), path_.c_str(), IN_MODIFY) < 0) {
      return channel->close(broken, std::string("cannot be followed: ") + std::strerror(errno));
    }
    reader->watch = loop_.watch_readable(reader->news.get(), [raw = reader.get()] { raw->told(); });
  }
  Reader& open = *(readers_[++last_] = std::move(reader));
  channel->on_message([](const runtime::ChannelMessage&) {});
  channel->on_drained([raw = &open] { raw->pump(); });
  // Deferred: the reader may be the one that is closing it.
  channel->on_closed([this, alive = alive_, id = last_](const Error&) {
    if (*alive) loop_.post([this, alive, id] { if (*alive) readers_.erase(id); });
  });
  open.pump();
}

}  // namespace neonvm::daemon
