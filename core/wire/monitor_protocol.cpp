#include "core/wire/monitor_protocol.hpp"

#include <algorithm>
#include <cctype>

#include "core/wire/reader.hpp"

namespace neonvm::wire::monitor {
namespace {

using Ordered = nlohmann::ordered_json;  // upstream's member order

std::string dump(const Ordered& json) { return json.dump(-1, ' ', false, Ordered::error_handler_t::replace); }

// Numbers of a whole CPU are still floating point to upstream's reader, which takes both.
Ordered allocation(double cpu, Bytes memory) {
  return Ordered{{"cpu", std::isfinite(cpu) ? cpu : 0.0}, {"mem", memory.value}};
}

template <typename M>
Body read_allocation(Reader& message, const char* key) {
  M body;
  message.need_group("content", [&body, key](Reader& content) {
    content.need_group(key, [&body](Reader& members) {
      members.need("cpu", body.cpu);
      members.need("mem", body.memory);
      if (body.cpu < 0) members.fault("cpu", "is negative");
    });
  });
  return body;
}

void read_error(Reader& content, std::string& error) { content.need("error", error); }

// Upstream's Go side does not care about the case of keys, so monitors of both spellings exist.
Json with_lower_case_keys(const Json& object) {
  Json lower = Json::object();
  for (const auto& [key, value] : object.items()) {
    std::string name = key;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    lower[name] = value;
  }
  return lower;
}

template <typename M>
Body read_content_error(Reader& message) {
  M body;
  message.need_group("content", [&body](Reader& content) { read_error(content, body.error); });
  return body;
}

Body from_agent(const std::string& type, Reader& message) {
  if (type == "UpscaleNotification") return read_allocation<UpscaleNotification>(message, "granted");
  if (type == "DownscaleRequest") return read_allocation<DownscaleRequest>(message, "target");
  if (type == "HealthCheck") return HealthCheck{};
  if (type == "InvalidMessage") return read_content_error<InvalidMessage>(message);
  if (type == "InternalError") return read_content_error<InternalError>(message);
  return Unknown{type};
}

Body from_monitor(const std::string& type, Reader& message) {
  if (type == "UpscaleRequest") return UpscaleRequest{};
  if (type == "UpscaleConfirmation") return UpscaleConfirmation{};
  if (type == "HealthCheck") return HealthCheck{};
  Body body = Unknown{type};
  if (type == "DownscaleResult") {
    auto& result = body.emplace<DownscaleResult>();
    message.need("ok", result.ok);
    message.need("status", result.status);
  } else if (type == "InvalidMessage") {
    read_error(message, body.emplace<InvalidMessage>().error);
  } else if (type == "InternalError") {
    read_error(message, body.emplace<InternalError>().error);
  }
  return body;
}

using Read = Body (*)(const std::string& type, Reader& message);

Result<Message> decode(const Json& json, Read read) {
  Faults faults;
  Reader reader(json, "", faults, Keys::lenient);
  std::string type;
  Message message;
  reader.need("type", type);
  reader.need("id", message.id);
  if (faults.none()) message.body = read(type, reader);
  if (!faults.none()) return faults.error();
  return message;
}

// What stands in "content" towards a monitor, and at the top level towards an agent.
struct Fields {
  std::string type;
  Ordered members = Ordered::object();
};

Fields fields(const UpscaleNotification& m) {
  return {"UpscaleNotification", Ordered{{"granted", allocation(m.cpu, m.memory)}}};
}
Fields fields(const DownscaleRequest& m) {
  return {"DownscaleRequest", Ordered{{"target", allocation(m.cpu, m.memory)}}};
}
Fields fields(const HealthCheck&) { return {"HealthCheck"}; }
Fields fields(const InvalidMessage& m) { return {"InvalidMessage", Ordered{{"error", m.error}}}; }
Fields fields(const InternalError& m) { return {"InternalError", Ordered{{"error", m.error}}}; }
Fields fields(const UpscaleRequest&) { return {"UpscaleRequest"}; }
Fields fields(const UpscaleConfirmation&) { return {"UpscaleConfirmation"}; }
Fields fields(const DownscaleResult& m) {
  return {"DownscaleResult", Ordered{{"Ok", m.ok}, {"Status", m.status}}};
}
Fields fields(const Unknown& m) { return {m.type}; }

Fields fields(const Message& message) {
  return std::visit([](const auto& body) { return fields(body); }, message.body);
}

}  // namespace

Result<Range> decode_range(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  Faults faults;
  Range range;
  Reader reader(*json, "", faults, Keys::lenient);
  reader.need("min", range.min);
  reader.need("max", range.max);
  if (range.min > range.max) reader.fault("min", "is above max");
  if (!faults.none()) return faults.error();
  return range;
}

std::string encode_range(const Range& range) { return dump(Ordered{{"min", range.min}, {"max", range.max}}); }

Result<int> decode_version(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  Faults faults;
  int version = 0;
  std::optional<std::string> refused;
  Reader reader(*json, "", faults, Keys::lenient);
  reader.field("error", refused);
  if (refused && faults.none()) {
    return Error{Code::refused, refused->empty() ? "the peer refused and gave no reason" : printable(*refused)};
  }
  reader.need("version", version);
  if (!faults.none()) return faults.error();
  return version;
}

std::string encode_version(int version) { return dump(Ordered{{"version", version}}); }
std::string encode_version_error(std::string_view error) { return dump(Ordered{{"error", error}}); }

Result<Message> decode_from_agent(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  return decode(*json, from_agent);
}

std::string encode_from_agent(const Message& message) {
  Fields body = fields(message);
  Ordered json;
  json["content"] = std::move(body.members);
  json["type"] = std::move(body.type);
  json["id"] = message.id;
  return dump(json);
}

Result<Message> decode_from_monitor(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  return decode(json->is_object() ? with_lower_case_keys(*json) : *json, from_monitor);
}

std::string encode_from_monitor(const Message& message) {
  Fields body = fields(message);
  Ordered json;
  json["type"] = std::move(body.type);
  json["id"] = message.id;
  json.update(body.members);
  return dump(json);
}

}  // namespace neonvm::wire::monitor
