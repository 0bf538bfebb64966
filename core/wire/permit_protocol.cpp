#include "core/wire/permit_protocol.hpp"

#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

// Upstream's member order, so that texts can be compared byte by byte.
using Ordered = nlohmann::ordered_json;

Ordered ordered(const Json& json) { return Ordered(json); }

Ordered write_resources(const Resources& r) {
  return Ordered{{"vCPUs", ordered(json_of(r.cpu))}, {"mem", ordered(json_of(r.memory))}};
}

std::string dump(const Ordered& json) { return json.dump(-1, ' ', false, Ordered::error_handler_t::replace); }

void resources_members(Reader& members, Resources& r) {
  members.need("vCPUs", r.cpu);
  members.need("mem", r.memory);
}

void need_resources(Reader& reader, const char* key, Resources& into) {
  reader.need_group(key, [&into](Reader& members) { resources_members(members, into); });
}

}  // namespace

void describe(Reader& reader, PermitRequest& request) {
  reader.need("protoVersion", request.version);
  reader.need_group("pod", [&request](Reader& pod) {
    pod.need("namespace", request.ns);
    pod.need("name", request.runner);
  });
  need_resources(reader, "computeUnit", request.compute_unit);
  need_resources(reader, "resources", request.wanted);
  reader.group("lastPermit", [&request](Reader& members) {
    request.last_permit.emplace();
    resources_members(members, *request.last_permit);
  });
  reader.open_group("neonvm", [&request](Reader& ours) {
    ours.field("life", request.asked.life);
    ours.field("question", request.asked.number);
  });
  reader.group("metrics", [&request](Reader& metrics) { metrics.field("loadAvg1M", request.load1); });
}

void describe(Reader& reader, PermitResponse& response) {
  need_resources(reader, "permit", response.permit);
  response.migrate = reader.has("migrate");
}

Result<PermitRequest> decode_permit_request(std::string_view json) {
  return read_text<PermitRequest>(json, Keys::lenient);
}

std::string encode(const PermitRequest& request) {
  Ordered json;
  json["protoVersion"] = request.version;
  json["pod"] = Ordered{{"namespace", request.ns}, {"name", request.runner}};
  json["computeUnit"] = write_resources(request.compute_unit);
  json["resources"] = write_resources(request.wanted);
  json["lastPermit"] = request.last_permit ? write_resources(*request.last_permit) : Ordered();
  const bool load_known = request.load1 && std::isfinite(*request.load1);
  json["metrics"] = load_known ? Ordered{{"loadAvg1M", *request.load1}} : Ordered();
  if (request.asked != AskId{}) json["neonvm"] = Ordered{{"life", request.asked.life}, {"question", request.asked.number}};
  return dump(json);
}

Result<PermitResponse> decode_permit_response(std::string_view json) {
  return read_text<PermitResponse>(json, Keys::lenient);
}

std::string encode(const PermitResponse& response) {
  Ordered json;
  json["permit"] = write_resources(response.permit);
  if (response.migrate) json["migrate"] = Ordered::object();
  return dump(json);
}

}  // namespace neonvm::wire
