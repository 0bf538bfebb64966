#include "guest/workload_news.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

std::string file_in(const std::string& folder) { return folder + "/workload-ended"; }
std::string mark_in(const std::string& folder) { return folder + "/prepared"; }

Status replace(const std::string& path, const std::string& text) {
  const std::string part = path + ".new";
  Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid() || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return errno_error(part, errno);
  }
  if (std::rename(part.c_str(), path.c_str()) != 0) return errno_error(part, errno);
  return {};
}

}  // namespace

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string news_text(const wire::WorkloadEnded& news) {
  return "exit " + std::to_string(news.exit_code) + "\nstarts " + std::to_string(news.starts) + "\nagain " +
         (news.again ? "1" : "0") + "\nwhy " + news.why + "\n";
}

std::optional<wire::WorkloadEnded> parse_news(std::string_view text) {
  wire::WorkloadEnded news;
  bool code_is_known = false;
  while (!text.empty()) {
    std::string_view rest = next_line(text);
    const std::string_view key = next_word(rest);
    const std::string_view value = trimmed(rest);
    if (key == "exit") {
      const auto code = whole_number<int>(value);
      code_is_known = code.has_value();
      news.exit_code = code.value_or(0);
    }
    if (key == "starts") news.starts = whole_number<std::uint64_t>(value).value_or(0);
    if (key == "again") news.again = value == "1";
    if (key == "why") news.why = value;
  }
  if (!code_is_known || news.starts == 0) return std::nullopt;
  return news;
}

Status write_news(const wire::WorkloadEnded& news, const std::string& folder) {
  ::mkdir(folder.c_str(), 0755);
  return replace(file_in(folder), news_text(news));
}

Status write_prepared(const std::string& folder) {
  ::mkdir(folder.c_str(), 0755);
  return replace(mark_in(folder), "");
}

bool is_prepared(const std::string& folder) { return ::access(mark_in(folder).c_str(), F_OK) == 0; }

std::optional<wire::WorkloadEnded> read_news(const std::string& folder) {
  const auto text = read_text(file_in(folder));
  return text ? parse_news(*text) : std::nullopt;
}

Status NewsWatch::open(runtime::Loop& loop, const std::string& folder) {
  ::mkdir(folder.c_str(), 0755);
  inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify_.valid() || ::inotify_add_watch(inotify_.get(), folder.c_str(), IN_MOVED_TO) < 0) {
    return errno_error(folder, errno);
  }
  watch_ = loop.watch_readable(inotify_.get(), [this] { read(); });
  return {};
}

void NewsWatch::read() {
  char buffer[4096];
  while (::read(inotify_.get(), buffer, sizeof buffer) > 0) {
  }
  changed_();
}

}  // namespace neonvm::guest
