#include "core/runtime/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cerrno>
#include <memory>
#include <mutex>

#include "core/runtime/log_text.hpp"

namespace neonvm::runtime {

namespace {

struct Journal {
  std::shared_ptr<spdlog::logger> logger;
  bool json = false;
};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::sink_ptr make_sink(const LogOptions& options) {
  if (!options.file.empty()) return std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  if (options.colour && !options.json) {
    return std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(spdlog::color_mode::always);
  }
  return std::make_shared<spdlog::sinks::stderr_sink_mt>();
}

std::shared_ptr<const Journal> make_journal(const LogOptions& options) {
  auto journal = std::make_shared<Journal>();
  journal->logger = std::make_shared<spdlog::logger>("neonvm", make_sink(options));
  journal->json = options.json;
  // %v comes from log_text.hpp, which has escaped it.
  const char* pattern = options.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                     : "%Y-%m-%dT%H:%M:%S.%eZ %^%-7l%$ %v";
  journal->logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  journal->logger->set_level(spdlog_level(options.level));
  journal->logger->flush_on(spdlog::level::trace);
  return journal;
}

std::mutex& journal_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::shared_ptr<const Journal>& journal_slot() {
  static std::shared_ptr<const Journal> slot = make_journal({});
  return slot;
}

std::shared_ptr<const Journal> journal() {
  const std::lock_guard lock(journal_mutex());
  return journal_slot();
}

}  // namespace

Status open_log(const LogOptions& options) {
  try {
    auto made = make_journal(options);
    const std::lock_guard lock(journal_mutex());
    journal_slot() = std::move(made);
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    const Code code = errno == EACCES || errno == EROFS ? Code::permission_denied : Code::unavailable;
    return Error{code, "log file " + options.file + ": " + error.what()};
  }
}

void log(LogLevel level, std::string_view room, std::string_view message, std::initializer_list<Field> fields) {
  const auto to = journal();
  const auto its_level = spdlog_level(level);
  if (!to->logger->should_log(its_level)) return;
  const std::string line = to->json ? log_members(room, message, fields) : log_text(room, message, fields);
  to->logger->log(its_level, spdlog::string_view_t(line));
}

}  // namespace neonvm::runtime
