#include "core/wire/guest_protocol.hpp"

#include <limits>

#include "core/wire/common_fields.hpp"
#include "core/wire/guest_fields.hpp"
#include "core/wire/typed_message.hpp"

namespace neonvm::wire {

std::span<const Word<Stream>> words(Stream) {
  static constexpr Word<Stream> table[] = {
      {Stream::stdin_, "stdin"}, {Stream::stdout_, "stdout"}, {Stream::stderr_, "stderr"}, {Stream::file, "file"}};
  return table;
}

std::span<const Word<Told>> words(Told) {
  static constexpr Word<Told> table[] = {{Told::news, "news"}, {Told::warning, "warning"}};
  return table;
}

const char* type_of(const Hello*) { return "hello"; }
const char* type_of(const SampleMessage*) { return "sample"; }
const char* type_of(const WantMemory*) { return "wantMemory"; }
const char* type_of(const WorkloadEnded*) { return "workloadEnded"; }
const char* type_of(const HealthNews*) { return "workloadHealth"; }
const char* type_of(const Notices*) { return "notices"; }
const char* type_of(const SetCpus*) { return "setCpus"; }
const char* type_of(const AskConsent*) { return "askConsent"; }
const char* type_of(const TellGrown*) { return "tellGrown"; }
const char* type_of(const AskClock*) { return "askClock"; }
const char* type_of(const SetClock*) { return "setClock"; }
const char* type_of(const DropSlab*) { return "dropSlab"; }
const char* type_of(const Reply*) { return "reply"; }
const char* type_of(const Exec*) { return "exec"; }
const char* type_of(const StreamData*) { return "data"; }
const char* type_of(const Ack*) { return "ack"; }
const char* type_of(const Signal*) { return "signal"; }
const char* type_of(const PutFile*) { return "putFile"; }
const char* type_of(const GetFile*) { return "getFile"; }
const char* type_of(const SetSwap*) { return "setSwap"; }
const char* type_of(const SetQuota*) { return "setQuota"; }
const char* type_of(const CheckFiles*) { return "checkFiles"; }
const char* type_of(const PutFiles*) { return "putFiles"; }
const char* type_of(const Shutdown*) { return "shutdown"; }
const char* type_of(const Ping*) { return "ping"; }
const char* type_of(const LinkError*) { return "error"; }

void describe(auto& v, Like<Hello> auto& m) {
  v.need("schema", m.schema);
  v.need("session", m.session);
  v.field("version", m.version);
  v.field_or("cpusPresent", m.cpus_present, 0);
  v.field_or("cpusOnline", m.cpus_online, 0);
  v.field("features", m.features);
}

void describe(auto& v, Like<SampleMessage> auto& m) {
  v.need("sample", m.sample);
  v.field("event", m.event);
}

void describe(auto& v, Like<WantMemory> auto& m) {
  v.need("memory", m.memory);
  v.field("why", m.why);
}

void describe(auto& v, Like<WorkloadEnded> auto& m) {
  v.need("exitCode", m.exit_code);
  v.field("why", m.why);
  v.field_or("starts", m.starts, 0);
  v.field_or("again", m.again, false);
}

void describe(auto& v, Like<HealthNews> auto& m) {
  v.need("state", m.health.state);
  v.field("why", m.health.why);
}

void describe(auto& v, Like<Notices> auto& m) { v.field("notices", m.notices); }

void describe(auto& v, Like<SetCpus> auto& m) {
  v.need("id", m.id);
  v.need("count", m.count);
  v.field("revision", m.revision);
}

void describe(auto& v, Like<AskConsent> auto& m) {
  v.need("id", m.id);
  v.need("target", m.target);
  v.field("revision", m.revision);
  v.field_or("insist", m.insist, false);
}

void describe(auto& v, Like<TellGrown> auto& m) {
  v.need("id", m.id);
  v.need("granted", m.granted);
  v.field("revision", m.revision);
}

// Microseconds since 1970 fit in a double's 53 bits, which some readers have.
void micros(Reader& v, const char* key, std::optional<Duration>& time) {
  std::optional<std::int64_t> number;
  v.field(key, number);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1000;
  if (number && (*number > most || *number < -most)) return v.fault(key, "is no time that there can be");
  if (number) time = std::chrono::microseconds(*number);
}
void micros(Writer& v, const char* key, const std::optional<Duration>& time) {
  if (time) v.need(key, static_cast<std::int64_t>(*time / std::chrono::microseconds(1)));
}
void need_micros(Reader& v, const char* key, Duration& time) {
  std::optional<Duration> told;
  micros(v, key, told);
  if (!told) v.fault(key, "is missing");
  time = told.value_or(Duration::zero());
}
void need_micros(Writer& v, const char* key, const Duration& time) { micros(v, key, std::optional(time)); }

void describe(auto& v, Like<AskClock> auto& m) { v.need("id", m.id); }
void describe(auto& v, Like<DropSlab> auto& m) { v.need("id", m.id); }

void describe(auto& v, Like<SetClock> auto& m) {
  v.need("id", m.id);
  need_micros(v, "behindUs", m.behind);
  need_micros(v, "errorUs", m.error);
}

void describe(auto& v, Like<Reply> auto& m) {
  v.need("id", m.id);
  v.need("ok", m.ok);
  v.field("why", m.why);
  v.field("floor", m.floor);
  v.field("cpusOnline", m.cpus_online);
  v.field("exitCode", m.exit_code);
  micros(v, "clockUs", m.clock);
  v.field("told", m.told);
  v.field("swap", m.swap);
}

void describe(auto& v, Like<Exec> auto& m) {
  v.need("id", m.id);
  v.need("argv", m.argv);
  v.field("env", m.env);
  v.field_or("tty", m.tty, false);
  v.field_or("rows", m.rows, 24);
  v.field_or("columns", m.columns, 80);
}

void describe(auto& v, Like<StreamData> auto& m) {
  v.need("id", m.id);
  v.need("stream", m.stream);
  v.base64("data", m.bytes);
  v.field("end", m.end);
}

void describe(auto& v, Like<Ack> auto& m) {
  v.need("id", m.id);
  v.need("stream", m.stream);
  v.need("bytes", m.bytes);
}

void describe(auto& v, Like<Signal> auto& m) {
  v.field_or("id", m.id, 0);  // in an exec socket the socket says whom it is for
  v.need("signal", m.signal);
}

void describe(auto& v, Like<PutFile> auto& m) {
  v.need("id", m.id);
  v.need("path", m.path);
  v.field_or("mode", m.mode, 0600);
}

void describe(auto& v, Like<GetFile> auto& m) {
  v.need("id", m.id);
  v.need("path", m.path);
}

void describe(auto& v, Like<SetSwap> auto& m) {
  v.need("id", m.id);
  v.need("size", m.size);
}

void describe(auto& v, Like<SetQuota> auto& m) {
  v.need("id", m.id);
  v.need("disk", m.disk);
  v.need("limit", m.limit);
}

template <typename T>
concept FilesRequest = Like<T, CheckFiles> || Like<T, PutFiles>;

void describe(auto& v, FilesRequest auto& m) {
  v.need("id", m.id);
  v.need("name", m.name);
  v.field("checksum", m.checksum);
}

void describe(auto& v, Like<Shutdown> auto& m) { v.need("id", m.id); }
void describe(auto& v, Like<Ping> auto& m) { v.need("id", m.id); }
void describe(auto& v, Like<LinkError> auto& m) { v.need("error", m.error); }

// Never found by name, so that a type that is called like nothing is nothing.
const char* type_of(const UnknownMessage*) { return ""; }
void describe(Reader&, UnknownMessage&) {}
void describe(Writer& v, const UnknownMessage& m) { v.need("type", m.type); }

Result<GuestMessage> decode_guest_message(std::string_view line) {
  if (line.size() > max_line) {
    return Error{Code::invalid_argument, "a line of " + std::to_string(line.size()) + " bytes; at most " +
                                             std::to_string(max_line) + " are read"};
  }
  const auto json = parse_json(line);
  if (!json) return json.error();
  Faults faults;
  Reader reader(*json, "", faults, Keys::lenient);
  std::string type;
  reader.need("type", type);
  GuestMessage message;
  if (faults.none() && !read_alternative(reader, type, message)) message = UnknownMessage{type};
  if (!faults.none()) return faults.error();
  return message;
}

std::string encode(const GuestMessage& message) {
  Writer writer;
  write_alternative(writer, message);
  return dump_json(writer.take()) + "\n";
}

std::string encode(const GuestSample& sample) { return write_text(sample); }
Result<GuestSample> decode_guest_sample(std::string_view json) { return read_text<GuestSample>(json, Keys::lenient); }

}  // namespace neonvm::wire
