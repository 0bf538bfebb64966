#include "cli/output.hpp"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <iostream>

namespace neonvm::cli {

namespace {

bool colours_wanted() {
  const char* no = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return !(no && *no) && term && std::string(term) != "dumb";
}

std::size_t displayed(const std::string& text) {
  std::size_t width = 0;
  bool escape = false;
  for (const char c : text) {
    if (c == '\x1b') escape = true;
    else if (escape) escape = c != 'm';
    else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) ++width;  // UTF-8 continuation bytes are not letters
  }
  return width;
}

}  // namespace

bool stdout_is_terminal() {
  static const bool is = isatty(STDOUT_FILENO) == 1;
  return is;
}
bool stderr_is_terminal() {
  static const bool is = isatty(STDERR_FILENO) == 1 && colours_wanted();
  return is;
}

std::string paint(Colour colour, const std::string& text) {
  static const bool wanted = stdout_is_terminal() && colours_wanted();
  if (!wanted || text.empty()) return text;
  const char* code = "";
  switch (colour) {
    case Colour::none: return text;
    case Colour::good: code = "32"; break;
    case Colour::warn: code = "33"; break;
    case Colour::bad: code = "31"; break;
    case Colour::dim: code = "2"; break;
    case Colour::strong: code = "1"; break;
  }
  return std::string("\x1b[") + code + "m" + text + "\x1b[0m";
}

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

void Table::print() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], displayed(row[i]));
  }
  bool header = true;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += header ? paint(Colour::strong, row[i]) : row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - displayed(row[i]) + 2, ' ');
    }
    std::cout << line << "\n";
    header = false;
  }
}

Progress::~Progress() { done(); }

void Progress::say(const std::string& text) {
  if (stderr_is_terminal()) {
    const double waited = seconds(std::chrono::steady_clock::now() - began_);
    std::fprintf(stderr, "\r\x1b[K%s … %.1f s", text.c_str(), waited);
    std::fflush(stderr);
    open_ = true;
  } else if (text != last_) {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
  last_ = text;
}

void Progress::done() {
  if (open_) std::fprintf(stderr, "\r\x1b[K");
  open_ = false;
}

std::string json_to_yaml(const std::string& json) {
  // JSON is YAML, but its strings must stay quoted where plain YAML would read them as something else.
  YAML::Emitter out;
  const YAML::Node root = YAML::Load(json);
  const std::function<void(const YAML::Node&)> emit = [&](const YAML::Node& node) {
    if (node.IsMap()) {
      out << YAML::BeginMap;
      for (const auto& entry : node) {
        out << YAML::Key << entry.first.as<std::string>() << YAML::Value;
        emit(entry.second);
      }
      out << YAML::EndMap;
    } else if (node.IsSequence()) {
      out << YAML::BeginSeq;
      for (const auto& item : node) emit(item);
      out << YAML::EndSeq;
    } else if (node.Tag() == "!") {
      const auto text = node.as<std::string>();
      double number = 0;
      bool boolean = false;
      const bool ambiguous = text.empty() || text == "~" || text == "null" || YAML::convert<double>::decode(YAML::Node(text), number) ||
                             YAML::convert<bool>::decode(YAML::Node(text), boolean);
      if (ambiguous) out << YAML::DoubleQuoted << text;
      else out << text;
    } else {
      out << node.as<std::string>("null");
    }
  };
  emit(root);
  return std::string(out.c_str()) + "\n";
}

std::string age(WallTime since, WallTime now) {
  if (since == WallTime{}) return "-";
  const auto s = std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now - since).count());
  if (s < 120) return std::to_string(s) + "s";
  if (s < 120 * 60) return std::to_string(s / 60) + "m";
  if (s < 48 * 3600) return std::to_string(s / 3600) + "h";
  return std::to_string(s / 86400) + "d";
}

std::string cpus_text(MilliCpu cpu) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", cpu.cpus());
  return text;
}

std::string human(Bytes bytes) {
  const char* units[] = {"B", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  double value = static_cast<double>(bytes.value);
  std::size_t unit = 0;
  while (value >= 1024 && unit < 6) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f%s" : "%.2f%s", value, units[unit]);
  return text;
}

std::string time_text(WallTime at) {
  const auto ms = at.time_since_epoch().count();
  const std::time_t whole = static_cast<std::time_t>(ms / 1000);
  std::tm local{};
  localtime_r(&whole, &local);
  char text[32];
  std::snprintf(text, sizeof text, "%02d:%02d:%02d.%03d", local.tm_hour, local.tm_min, local.tm_sec,
                static_cast<int>(ms % 1000));
  return text;
}

std::string json_string(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += std::string("\\") + c;
    else if (code < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", code);
      out += escaped;
    } else out += c;
  }
  return out + "\"";
}

}  // namespace neonvm::cli
