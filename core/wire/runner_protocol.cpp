#include "core/wire/runner_protocol.hpp"

#include "core/wire/guest_fields.hpp"
#include "core/wire/machine_fields.hpp"
#include "core/wire/typed_message.hpp"

namespace neonvm::wire {

const char* type_of(const RunnerReport*) { return "status"; }
const char* type_of(const Subscribe*) { return "subscribe"; }
const char* type_of(const Resize*) { return "resize"; }
const char* type_of(const Consent*) { return "consent"; }
const char* type_of(const Grown*) { return "grown"; }
const char* type_of(const Swap*) { return "swap"; }
const char* type_of(const Quota*) { return "quota"; }
const char* type_of(const Stop*) { return "stop"; }
const char* type_of(const Listen*) { return "listen"; }
const char* type_of(const MigrateTo*) { return "migrateTo"; }
const char* type_of(const CancelMigration*) { return "cancelMigration"; }
const char* type_of(const Activate*) { return "activate"; }
const char* type_of(const Abandon*) { return "abandon"; }
const char* type_of(const GetReport*) { return "getReport"; }
const char* type_of(const RunnerReply*) { return "reply"; }
const char* type_of(const SamplePush*) { return "sample"; }
const char* type_of(const WantPush*) { return "want"; }
const char* type_of(const Explain*) { return "explain"; }
const char* type_of(const Explained*) { return "explained"; }
const char* type_of(const Rest*) { return "rest"; }

void machine_facts(auto& v, auto& r) {
  v.need("phase", r.phase);
  v.field("exitReason", r.exit_reason);
  v.field_or("pid", r.pid, 0);
  v.field("accelerator", r.accelerator);
  v.field("machineType", r.machine_type);
  v.field("hypervisorVersion", r.hypervisor_version);
  v.need("maxCpus", r.max_cpus);
  v.field_or("cpusPresent", r.cpus_present, 0);
  v.field("cpuSlots", r.cpu_slots);
}

void describe(auto& v, Like<RunnerReport> auto& r) {
  v.need("sequence", r.sequence);
  v.field("vm", r.vm);
  v.field("runner", r.runner);
  machine_facts(v, r);
  v.need("cpu", r.cpu);
  v.need("memory", r.memory);
  v.field("revision", r.revision);
  v.field_or("resizing", r.resizing, false);
  v.field_or("guestConnected", r.guest_connected, false);
  v.field("guestVersion", r.guest_version);
  v.group("health", [&r](auto& health) {
    health.field_or("state", r.health.state, Health::none);
    health.field("why", r.health.why);
  });
  v.field("clockNews", r.clock_news);
  v.field_or("clockWarning", r.clock_warning, false);
  v.field("swap", r.swap);
  v.field_or("swapUsed", r.swap_used, Bytes{});
  v.field("files", r.files);
  v.field("notices", r.notices);
  v.field("guestFloor", r.guest_floor);
  v.field_or("migration", r.migration, MigrationReport{});
  v.field("incomingAddress", r.incoming_address);
  v.field("forwards", r.forwards);
}

void describe(auto& v, Like<Subscribe> auto& m) {
  v.field_or("samples", m.samples, true);
  v.field_or("explains", m.explains, false);
}

void describe(auto& v, Like<Explain> auto& m) { v.field("newer", m.newer); }
void describe(auto& v, Like<Explained> auto& m) { v.need("explanation", m.explanation); }

void describe(auto& v, Like<Resize> auto& m) {
  v.need("size", m.size);
  v.field("revision", m.revision);
}

void describe(auto& v, Like<Consent> auto& m) {
  v.need("target", m.target);
  v.field("revision", m.revision);
  v.field_or("insist", m.insist, false);
}

void describe(auto& v, Like<Grown> auto& m) {
  v.need("granted", m.granted);
  v.field("revision", m.revision);
}

void describe(auto& v, Like<Swap> auto& m) { v.need("size", m.size); }

void describe(auto& v, Like<Quota> auto& m) {
  v.need("disk", m.disk);
  v.need("limit", m.limit);
}

void describe(auto& v, Like<Stop> auto& m) { v.millis("graceMs", m.grace); }
void describe(auto& v, Like<Listen> auto& m) { v.need("replay", m.replay); }

void describe(auto& v, Like<MigrateTo> auto& m) {
  v.need("address", m.address);
  v.field("limits", m.limits);
}

void describe(auto& v, Like<Abandon> auto& m) { v.field_or("unlessWhole", m.unless_whole, false); }

template <typename T>
concept BareRequest = Like<T, CancelMigration> || Like<T, Activate> || Like<T, GetReport> || Like<T, Rest>;
void describe(auto&, BareRequest auto&) {}

void describe(auto& v, Like<RunnerReply> auto& m) {
  v.need("ok", m.ok);
  v.field_or("code", m.code, Code::internal);
  v.field("why", m.why);
  v.field("text", m.text);
  v.field("floor", m.floor);
  v.field_or("noGuest", m.no_guest, false);
}

void describe(auto& v, Like<SamplePush> auto& m) {
  v.need("sample", m.sample);
  v.field("event", m.event);
}

void describe(auto& v, Like<WantPush> auto& m) {
  v.need("memory", m.memory);
  v.field("why", m.why);
}

Result<RunnerMessage> decode_runner_message(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  Faults faults;
  Reader reader(*json, "", faults, Keys::lenient);
  std::string type;
  RunnerMessage message;
  reader.need("type", type);
  reader.field("id", message.id);
  if (!faults.none()) return faults.error();
  if (!read_alternative(reader, type, message.body)) {
    return Error{Code::unsupported, "type: \"" + printable(type) + "\" is not known to this version"};
  }
  if (!faults.none()) return faults.error();
  return message;
}

std::string encode(const RunnerMessage& message) {
  Writer writer;
  if (message.id != 0) writer.need("id", message.id);
  write_alternative(writer, message.body);
  return dump_json(writer.take());
}

std::uint64_t runner_message_id(std::string_view text) {
  const auto json = parse_json(text);
  if (!json || !json->is_object()) return 0;
  Faults ignored;
  std::uint64_t id = 0;
  Reader(*json, "", ignored, Keys::lenient).field("id", id);
  return id;
}

}  // namespace neonvm::wire
