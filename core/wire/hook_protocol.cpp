#include "core/wire/hook_protocol.hpp"

#include "core/wire/common_fields.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

std::span<const Word<HookEvent>> words(HookEvent) {
  static constexpr Word<HookEvent> table[] = {
      {HookEvent::shrink, "shrink"}, {HookEvent::grown, "grown"}, {HookEvent::look, "look"}};
  return table;
}

void describe(auto& v, Like<HookQuestion> auto& q) {
  v.need("schema", q.schema);
  v.need("event", q.event);
  v.need("target", q.target);
}

void describe(auto& v, Like<HookAnswer> auto& a) {
  v.field_or("ok", a.ok, true);
  v.field("why", a.why);
  v.field("floor", a.floor);
  v.field("workingSet", a.working_set);
}

std::string encode(const HookQuestion& question) { return write_text(question) + "\n"; }
Result<HookQuestion> decode_hook_question(std::string_view json) { return read_text<HookQuestion>(json, Keys::lenient); }

std::string encode(const HookAnswer& answer) { return write_text(answer) + "\n"; }
Result<HookAnswer> decode_hook_answer(std::string_view json) {
  if (json.find_first_not_of(" \t\r\n") == std::string_view::npos) return HookAnswer{};
  return read_text<HookAnswer>(json, Keys::lenient);
}

}  // namespace neonvm::wire
