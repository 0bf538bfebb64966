#include "plugins/policy-schedule/rule.hpp"

#include <algorithm>
#include <string_view>

namespace neonvm::policy_schedule {
namespace {

Error refusal(std::string_view part, const char* why) {
  return Error{Code::invalid_argument, "\"" + std::string(part) + "\" " + why};
}

Status parse_span(std::string_view word, Span& span) {
  const std::size_t dash = word.find('-');
  const auto from = parse_time_of_day(word.substr(0, dash));
  const auto to = dash == word.npos ? std::nullopt : parse_time_of_day(word.substr(dash + 1));
  if (!from || !to || *from == day_minutes) return refusal(word, "is not HH:MM-HH:MM, from 00:00 to 24:00");
  span.from = *from;
  span.to = *to;
  return {};
}

template <typename T>
Status parse_end(std::string_view text, Result<T> (*parse)(std::string_view), std::optional<T>& to) {
  if (text.empty()) return {};
  auto value = parse(text);
  if (!value) return value.error();
  if (value->value == 0) return refusal(text, "is not above 0");
  to = *value;
  return {};
}

template <typename T>
Status parse_range(std::string_view text, Result<T> (*parse)(std::string_view), std::optional<T>& least,
                   std::optional<T>& most) {
  const std::size_t dots = text.find("..");
  const std::string_view low = text.substr(0, dots);
  const std::string_view high = dots == text.npos ? low : text.substr(dots + 2);
  if (low.empty() && high.empty()) return refusal(text, "is no range; give N, N.., ..N or N..M");
  if (Status s = parse_end(low, parse, least); !s) return s;
  if (Status s = parse_end(high, parse, most); !s) return s;
  if (least && most && *least > *most) return refusal(text, "ends below its beginning");
  return {};
}

Status parse_word(std::string_view word, Rule& rule, bool& timed) {
  if (word.starts_with("cpus=")) {
    Status status = parse_range(word.substr(5), &parse_milli_cpu, rule.least_cpu, rule.most_cpu);
    return status ? status : status.error().at("cpus");
  }
  if (word.starts_with("memory=")) {
    Status status = parse_range(word.substr(7), &parse_bytes, rule.least_memory, rule.most_memory);
    return status ? status : status.error().at("memory");
  }
  if (word.find(':') != word.npos) {
    timed = true;
    return parse_span(word, rule.span);
  }
  const auto days = parse_days(word);
  if (!days) {
    return refusal(word, "is none of DAYS (mon-fri, sat+sun, daily), HH:MM-HH:MM, cpus=RANGE, memory=RANGE");
  }
  rule.span.days = *days;
  return {};
}

}  // namespace

Result<Rule> parse_rule(const std::string& name, const std::string& text) {
  Rule rule;
  rule.name = name;
  bool timed = false;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    if (word.empty()) continue;
    if (Status status = parse_word(word, rule, timed); !status) return status.error();
  }
  if (!timed) return refusal(text, "names no time; give \"mon-fri 08:00-18:00 cpus=4..\", say");
  if (!rule.least_cpu && !rule.most_cpu && !rule.least_memory && !rule.most_memory) {
    return refusal(text, "names no size; give cpus=RANGE, memory=RANGE or both");
  }
  return rule;
}

}  // namespace neonvm::policy_schedule
