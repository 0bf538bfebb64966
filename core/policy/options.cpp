#include "core/policy/options.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/model/nearest.hpp"

namespace neonvm::policy {
namespace {

struct Unit {
  char letter;
  double seconds;
};
constexpr Unit units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
constexpr double longest = 1e8;  // three years, in seconds

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : separator) + part;
  return all;
}

bool in_group(const std::string& key, const std::string& group) {
  return key.size() > group.size() + 1 && key.starts_with(group) && key[group.size()] == '.';
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  double scale = 1;
  for (const Unit& unit : units) {
    if (!text.ends_with(unit.letter)) continue;
    scale = unit.seconds;
    text.remove_suffix(1);
    break;
  }
  const auto value = parse_number(text);
  if (!value || *value < 0 || *value * scale > longest) return std::nullopt;
  return from_seconds(*value * scale);
}

std::string duration_text(Duration time) {
  for (const Unit& unit : units) {
    const double count = seconds(time) / unit.seconds;
    if (count >= 1 && count == std::floor(count)) return number_text(count) + unit.letter;
  }
  return number_text(seconds(time)) + "s";
}

const std::string* OptionReader::find(const char* key) {
  known_.emplace_back(key);
  const auto found = settings_.find(key);
  return found == settings_.end() ? nullptr : &found->second;
}

void OptionReader::refuse(const std::string& key, const std::string& why) { wrong_.push_back(key + ": " + why); }

void OptionReader::out_of_range(const char* key, const std::string& text, const std::string& range) {
  refuse(key, "\"" + text + "\" is not " + range);
}

void OptionReader::number(const char* key, double& to, double least, double most) {
  const std::string* text = find(key);
  if (text == nullptr) return;
  const auto value = parse_number(*text);
  if (!value || *value < least || *value > most) {
    return out_of_range(key, *text, "a number from " + number_text(least) + " to " + number_text(most));
  }
  to = *value;
}

void OptionReader::count(const char* key, std::uint32_t& to, std::uint32_t least, std::uint32_t most) {
  double value = to;
  const std::size_t faults = wrong_.size();
  number(key, value, least, most);
  if (wrong_.size() != faults) return;
  if (value != std::floor(value)) return out_of_range(key, settings_.at(key), "a whole number");
  to = static_cast<std::uint32_t>(value);
}

void OptionReader::duration(const char* key, Duration& to, Duration least, Duration most) {
  const std::string* text = find(key);
  if (text == nullptr) return;
  const auto value = parse_duration(*text);
  if (!value || *value < least || *value > most) {
    return out_of_range(key, *text, "a time from " + duration_text(least) + " to " + duration_text(most) +
                                        ", such as 90s, 15m, 24h or 7d");
  }
  to = *value;
}

void OptionReader::cpus(const char* key, std::optional<MilliCpu>& to) {
  const std::string* text = find(key);
  if (text == nullptr) return;
  const auto value = parse_milli_cpu(*text);
  if (!value) return refuse(key, value.error().message);
  if (value->value == 0) return out_of_range(key, *text, "above 0; give a number of CPUs, such as 2, 0.25 or 250m");
  to = *value;
}

void OptionReader::memory(const char* key, std::optional<Bytes>& to) {
  const std::string* text = find(key);
  if (text == nullptr) return;
  const auto value = parse_bytes(*text);
  if (!value) return refuse(key, value.error().message);
  if (value->value == 0) return out_of_range(key, *text, "above 0; give a size, such as 512Mi or 4Gi");
  to = *value;
}

void OptionReader::text(const char* key, std::string& to) {
  if (const std::string* text = find(key)) to = *text;
}

void OptionReader::choice(const char* key, int& to, std::initializer_list<const char*> words) {
  const std::string* text = find(key);
  if (text == nullptr) return;
  const auto found = std::find(words.begin(), words.end(), *text);
  if (found != words.end()) {
    to = static_cast<int>(found - words.begin());
    return;
  }
  const std::vector<std::string> all(words.begin(), words.end());
  const auto near = nearest(*text, all);
  out_of_range(key, *text, "one of " + joined(all, ", ") + (near ? "; did you mean " + *near + "?" : ""));
}

void OptionReader::yes_or_no(const char* key, bool& to) {
  int place = to ? 1 : 0;
  choice(key, place, {"no", "yes"});
  to = place == 1;
}

Settings OptionReader::group(const std::string& prefix) {
  groups_.push_back(prefix);
  Settings inside;
  for (const auto& [key, value] : settings_) {
    if (in_group(key, prefix)) inside.emplace(key.substr(prefix.size() + 1), value);
  }
  return inside;
}

Status OptionReader::done() {
  for (const auto& setting : settings_) {
    const std::string& key = setting.first;
    const bool grouped = std::any_of(groups_.begin(), groups_.end(), [&](auto& group) { return in_group(key, group); });
    if (grouped || std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    const auto near = nearest(key, known_);
    std::vector<std::string> all = known_;
    for (const std::string& group : groups_) all.push_back(group + ".…");
    std::sort(all.begin(), all.end());
    refuse("\"" + key + "\"", "no option of " + policy_ + (near ? "; did you mean " + *near + "?" : "") +
                                  "; there is " + (all.empty() ? "none" : joined(all, ", ")));
  }
  if (wrong_.empty()) return {};
  return Error{Code::invalid_argument, joined(wrong_, "; ")};
}

}  // namespace neonvm::policy
