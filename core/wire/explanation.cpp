#include "core/wire/explanation.hpp"

#include <charconv>

#include "core/wire/common_fields.hpp"
#include "core/wire/guest_fields.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<Because> auto& b) {
  v.need("rule", b.rule);
  v.need("text", b.text);
}

void describe(auto& v, Like<ExplainedStage> auto& s) {
  v.need("name", s.name);
  v.field("note", s.note);
  v.millis("afterMs", s.after);
}

void describe(auto& v, Like<ExplainedDecision> auto& d) {
  v.need("number", d.number);
  v.need("at", d.at);
  v.field("trigger", d.trigger);
  v.field_or("revision", d.revision, 0);
  v.need("wish", d.wish);
  v.need("asked", d.asked);
  v.need("actual", d.actual);
  v.field("permit", d.permit);
  v.field("consent", d.consent);
  v.field("because", d.because);
  v.field("sample", d.sample);
  v.field("stages", d.stages);
}

void describe(auto& v, Like<ExplainedShadow> auto& s) {
  v.need("policy", s.policy);
  v.field_or("hasEffect", s.has_effect, false);
  v.field("problem", s.problem);
  v.need("wish", s.wish);
  v.field("because", s.because);
  v.field_or("seconds", s.seconds, 0.0);
  v.field_or("meanCpus", s.mean_cpus, 0.0);
  v.field("meanMemory", s.mean_memory);
  v.field_or("shortCpuSeconds", s.short_cpu_seconds, 0.0);
  v.field_or("shortMemorySeconds", s.short_memory_seconds, 0.0);
  v.field_or("turns", s.turns, 0);
}

namespace {

// Optional times travel in milliseconds.
void looks_again(auto& v, auto& looks_again) {
  std::optional<std::int64_t> ms;
  if (looks_again) ms = *looks_again / std::chrono::milliseconds{1};
  v.field("looksAgainMs", ms);
  if constexpr (std::remove_reference_t<decltype(v)>::reads) {
    if (ms) looks_again = std::chrono::milliseconds(*ms);
  }
}

}  // namespace

void describe(auto& v, Like<Explanation> auto& e) {
  v.need("vm", e.vm);
  v.field("runner", e.runner);
  v.field("node", e.node);
  v.field("policy", e.policy);
  v.need("guestConnected", e.guest_connected);
  v.field("problem", e.problem);
  v.need("min", e.min);
  v.need("max", e.max);
  v.need("asked", e.asked);
  v.need("actual", e.actual);
  v.need("wish", e.wish);
  v.field("permit", e.permit);
  v.field("consent", e.consent);
  v.field("because", e.because);
  looks_again(v, e.looks_again);
  v.field("decisions", e.decisions);
  v.field("policies", e.policies);
}

Result<Explanation> decode_explanation(std::string_view json) { return read_text<Explanation>(json, Keys::lenient); }
std::string encode(const Explanation& explanation, int indent) { return write_text(explanation, indent); }

std::optional<std::uint64_t> newer_of(std::string_view target) {
  constexpr std::string_view key = "newer=";
  const auto at = target.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t number = 0;
  std::from_chars(target.data() + at + key.size(), target.data() + target.size(), number);
  return number;
}

}  // namespace neonvm::wire
