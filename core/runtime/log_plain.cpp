// The log of the static guest program: the same lines as log.cpp writes, without spdlog, whose streams and locales bring
// iconv, and with it dlopen, into a static program.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "core/runtime/log.hpp"
#include "core/runtime/log_text.hpp"

namespace neonvm::runtime {

namespace {

struct Journal {
  std::atomic<int> fd{STDERR_FILENO};
  std::atomic<LogLevel> level{LogLevel::info};
  std::atomic<bool> json{false};
};

Journal& journal() {
  static Journal only;
  return only;
}

const char* name_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "info";
}

// 2026-11-24T00:24:43.432Z, by arithmetic alone: gmtime() would bring in time zones.
std::string time_text() {
  namespace chr = std::chrono;
  const auto now = chr::floor<chr::milliseconds>(chr::system_clock::now());
  const auto day = chr::floor<chr::days>(now);
  const chr::year_month_day date(day);
  const chr::hh_mm_ss<chr::milliseconds> time(now - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

}  // namespace

Status open_log(const LogOptions& options) {
  int fd = STDERR_FILENO;
  if (!options.file.empty()) {
    fd = ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const Code code = errno == EACCES || errno == EROFS ? Code::permission_denied : Code::unavailable;
    if (fd < 0) return Error{code, "log file " + options.file + ": " + std::strerror(errno)};
  }
  // An earlier file stays open: another thread may be writing to it now.
  journal().fd = fd;
  journal().level = options.level;
  journal().json = options.json;
  return {};
}

void log(LogLevel level, std::string_view room, std::string_view message, std::initializer_list<Field> fields) {
  if (level < journal().level.load()) return;
  std::string line;
  if (journal().json) {
    line = R"({"time":")" + time_text() + R"(","level":")" + name_of(level) + R"(",)" + log_members(room, message, fields) + "}\n";
  } else {
    std::string name = name_of(level);
    name.resize(7, ' ');
    line = time_text() + " " + name + " " + log_text(room, message, fields) + "\n";
  }
  // One write a line, so that lines of several processes do not mix.
  [[maybe_unused]] const ssize_t put = ::write(journal().fd, line.data(), line.size());
}

}  // namespace neonvm::runtime
