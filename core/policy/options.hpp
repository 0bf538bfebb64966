// OptionReader: the settings of a policy, as --policy NAME,KEY=VALUE.
//
//   OptionReader read(settings, "pressure");
//   read.number("cpu-target", options.cpu_target, 0.05, 1);
//   if (Status status = read.done(); !status) return status.error();
//
// Called by a policy's open. What a setting does not name keeps its value. Failure: done() tells every violation at
// once, each by key, value and range; an unknown key with what it may have meant and what there is.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::policy {

using Settings = std::map<std::string, std::string>;

// "90", "90s", "15m", "24h", "7d": whole or with a fraction. None: it is none of these.
std::optional<Duration> parse_duration(std::string_view text);
std::string duration_text(Duration time);

class OptionReader {
 public:
  // `policy`: its name, for messages. Settings: must live as long.
  OptionReader(const Settings& settings, std::string policy) : settings_(settings), policy_(std::move(policy)) {}

  void number(const char* key, double& to, double least, double most);
  void count(const char* key, std::uint32_t& to, std::uint32_t least, std::uint32_t most);
  void duration(const char* key, Duration& to, Duration least, Duration most);
  void cpus(const char* key, std::optional<MilliCpu>& to);
  void memory(const char* key, std::optional<Bytes>& to);
  void text(const char* key, std::string& to);
  // One of `words`; gives its place.
  void choice(const char* key, int& to, std::initializer_list<const char*> words);
  void yes_or_no(const char* key, bool& to);
  // All settings that begin with "prefix.", without that.
  [[nodiscard]] Settings group(const std::string& prefix);
  // For what only the caller can check.
  void refuse(const std::string& key, const std::string& why);

  [[nodiscard]] Status done();

 private:
  const std::string* find(const char* key);
  void out_of_range(const char* key, const std::string& text, const std::string& range);

  const Settings& settings_;
  std::string policy_;
  std::vector<std::string> known_, groups_, wrong_;
};

}  // namespace neonvm::policy
