#include "core/wire/usage.hpp"

#include "core/wire/common_fields.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/wall_time.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<SavedAccount> auto& a) {
  v.need("vm", a.vm_uid);
  v.field("endpoint", a.endpoint);
  v.field("size", a.size);
  v.need("at", a.at_us);
  v.field_or("cpu", a.cpu, std::uint64_t{0});
  v.field_or("memory", a.memory, std::uint64_t{0});
  v.field_or("active", a.active, std::uint64_t{0});
}

void describe(auto& v, Like<SavedUsage> auto& u) {
  v.need("window", u.window);
  v.need("boot", u.boot);
  v.field("windowBegan", u.window_began);
  v.field("accounts", u.accounts);
}

std::string encode(const UsageEvent& event) {
  const Json json{{"idempotency_key", event.idempotency_key}, {"metric", event.metric},           {"type", "incremental"},
                  {"endpoint_id", event.endpoint},            {"start_time", rfc3339(event.start)}, {"stop_time", rfc3339(event.stop)},
                  {"value", event.value}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string encode(const ScalingEvent& event) {
  Json json{{"timestamp", rfc3339(event.at)},      {"region", event.region},         {"endpoint_id", event.endpoint},
            {"kind", event.hypothetical ? "hypothetical" : "actual"}, {"current_cu", event.current_cu}, {"target_cu", event.target_cu}};
  if (event.hypothetical) json["goalComponents"] = event.goal;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string encode(const SavedUsage& usage) { return write_text(usage, -1); }
Result<SavedUsage> decode_saved_usage(std::string_view json) { return read_text<SavedUsage>(json, Keys::lenient); }

}  // namespace neonvm::wire
