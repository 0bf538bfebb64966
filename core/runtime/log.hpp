// One structured line per event, on stderr or a file: time, level, room, message, key=value.
//
// Called by daemons, guest, cli; thread-safe. The revision is a key like any other ("rev=12"), so that one grep follows
// a decision through all processes. json: one JSON object a line. Never colours unless told that it is a terminal.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/model/result.hpp"

namespace neonvm::runtime {

enum class LogLevel { debug, info, warning, error };

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool json = false;
  bool colour = false;
  std::string file;            // empty: stderr
};
Status open_log(const LogOptions& options);

struct Field {
  std::string_view key;
  std::string value;
};
void log(LogLevel level, std::string_view room, std::string_view message, std::initializer_list<Field> fields = {});

inline void log_debug(std::string_view room, std::string_view m, std::initializer_list<Field> f = {}) { log(LogLevel::debug, room, m, f); }
inline void log_info(std::string_view room, std::string_view m, std::initializer_list<Field> f = {}) { log(LogLevel::info, room, m, f); }
inline void log_warning(std::string_view room, std::string_view m, std::initializer_list<Field> f = {}) { log(LogLevel::warning, room, m, f); }
inline void log_error(std::string_view room, std::string_view m, std::initializer_list<Field> f = {}) { log(LogLevel::error, room, m, f); }

}  // namespace neonvm::runtime
