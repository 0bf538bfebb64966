// What a command prints: tables, whole objects as JSON or YAML, progress on one line.
//
// Standard output carries results, standard error everything else. Colour and moving lines only on a terminal (and not
// with NO_COLOR or TERM=dumb); in a pipe progress is one line per change.
#pragma once

#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::cli {

bool stdout_is_terminal();
bool stderr_is_terminal();

enum class Colour { none, good, warn, bad, dim, strong };
// `text` coloured if standard output is a terminal.
std::string paint(Colour colour, const std::string& text);

class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void row(std::vector<std::string> cells);
  void print() const;   // columns as wide as their widest cell, two spaces between, by displayed letters

 private:
  std::vector<std::vector<std::string>> rows_;
};

// A line that changes in place: "web: starting … 3.2 s".
class Progress {
 public:
  ~Progress();
  void say(const std::string& text);  // the same text again only moves the clock
  void done();                        // removes the moving line

 private:
  std::string last_;
  Instant began_ = std::chrono::steady_clock::now();
  bool open_ = false;
};

std::string json_to_yaml(const std::string& json);

std::string age(WallTime since, WallTime now);      // "12s", "5m", "3h", "2d"
std::string cpus_text(MilliCpu cpu);                // "0.25", "2"
std::string human(Bytes bytes);                     // "1.5Gi", "512Mi"
std::string time_text(WallTime at);                 // local time, "14:03:07.123"
std::string json_string(const std::string& text);   // quoted and escaped

}  // namespace neonvm::cli
