#include "core/wire/hook_protocol.hpp"

#include <algorithm>

#include "core/wire/common_fields.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

std::span<const Word<HookEvent>> words(HookEvent) {
  static constexpr Word<HookEvent> table[] = {
      {HookEvent::shrink, "shrink"}, {HookEvent::grown, "grown"}, {HookEvent::look, "look"}};
  return table;
}

std::span<const Word<MetricType>> words(MetricType) {
  static constexpr Word<MetricType> table[] = {{MetricType::gauge, "gauge"}, {MetricType::counter, "counter"}};
  return table;
}

// For shells, which cannot tell 1Gi from 1024Mi.
void plain_target(Reader&, const HookQuestion&) {}
void plain_target(Writer& v, const HookQuestion& q) {
  v.need("cpus", q.target.cpu.whole_cpus());
  v.plain("memoryBytes", q.target.memory);
}

void describe(auto& v, Like<HookQuestion> auto& q) {
  v.need("schema", q.schema);
  v.need("event", q.event);
  v.need("target", q.target);
  plain_target(v, q);
}

void describe(auto& v, Like<HookMetric> auto& m) {
  v.need("name", m.name);
  v.field_or("type", m.type, MetricType::gauge);
  v.field("help", m.help);
  v.field("labels", m.labels);
  v.need("value", m.value);
}

void describe(auto& v, Like<HookAnswer> auto& a) {
  v.field_or("ok", a.ok, true);
  v.field("why", a.why);
  v.field("floor", a.floor);
  v.field("workingSet", a.working_set);
  v.field("workingSetPages", a.working_set_pages);
  v.field("notices", a.notices);
  v.field("metrics", a.metrics);
}

namespace {

// Data model of Prometheus: metric names may have colons, label names not, and those with two underscores are its own.
bool is_prometheus_name(std::string_view name, bool colons) {
  const auto fits = [colons](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (colons && c == ':');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, fits);
}

bool is_ours(std::string_view name) { return name.starts_with("host_") || name.starts_with("neonvm_"); }

void check(const HookMetric& metric, const std::string& path, Faults& faults) {
  if (!is_prometheus_name(metric.name, true)) {
    faults.add(path + ".name", "\"" + printable(metric.name) + "\" is no name of a metric: letters, digits, _ and :");
  } else if (is_ours(metric.name)) {
    faults.add(path + ".name", metric.name + " begins as the monitor's own metrics do (host_, neonvm_)");
  }
  for (const auto& [name, value] : metric.labels) {
    if (!is_prometheus_name(name, false) || name.starts_with("__")) {
      faults.add(path + ".labels", "\"" + printable(name) + "\" is no name of a label: letters, digits and _, not two of those first");
    }
  }
  if (metric.type == MetricType::counter && metric.value < 0) faults.add(path + ".value", "a counter is never below 0");
}

template <typename T>
void check_length(const std::optional<std::vector<T>>& list, std::size_t most, const char* key, Faults& faults) {
  if (list && list->size() > most) {
    faults.add(key, "has " + std::to_string(list->size()) + " entries; at most " + std::to_string(most) + " are taken");
  }
}

Status check(const HookAnswer& answer) {
  Faults faults;
  check_length(answer.working_set_pages, most_hook_windows, "workingSetPages", faults);
  check_length(answer.notices, most_hook_notices, "notices", faults);
  check_length(answer.metrics, most_hook_metrics, "metrics", faults);
  for (const double pages : answer.working_set_pages.value_or(std::vector<double>{})) {
    if (!(pages >= 0)) faults.add("workingSetPages", "is never below 0");
  }
  for (std::size_t i = 0; answer.metrics && i < answer.metrics->size(); ++i) {
    check((*answer.metrics)[i], "metrics[" + std::to_string(i) + "]", faults);
  }
  if (!faults.none()) return faults.error();
  return {};
}

}  // namespace

std::string encode(const HookQuestion& question) { return write_text(question) + "\n"; }
Result<HookQuestion> decode_hook_question(std::string_view json) { return read_text<HookQuestion>(json, Keys::lenient); }

std::string encode(const HookAnswer& answer) { return write_text(answer) + "\n"; }
Result<HookAnswer> decode_hook_answer(std::string_view json) {
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return HookAnswer{};
  auto answer = read_text<HookAnswer>(json, Keys::lenient);
  if (!answer) return answer;
  if (const Status fit = check(*answer); !fit) return fit.error();
  return answer;
}

}  // namespace neonvm::wire
