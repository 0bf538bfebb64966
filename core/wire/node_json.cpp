#include "core/wire/common_fields.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/rewrite.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<Node> auto& n) {
  v.need("capacity", n.capacity);
  v.field_or("watermark", n.watermark, 0.9);
  v.field_or("schedulable", n.schedulable, true);
  v.field_or("pods", n.pods, 0);
}

void describe(auto& v, Like<Neighbour> auto& n) {
  v.need("node", n.node);
  v.need("reserved", n.reserved);
}

void describe(auto& v, Like<RunnerSpec> auto& r) {
  v.need("vm", r.vm);
  v.field("vmUid", r.vm_uid);
  v.field("node", r.node);
  v.field_or("role", r.role, RunnerRole::source);
  v.field("machine", r.machine);
  v.field_or("attachOnly", r.attach_only, false);
}

void describe(auto& v, Like<RunnerStatus> auto& r) {
  v.field_or("phase", r.phase, RunnerPhase::starting);
  v.field("endpoint", r.endpoint);
  v.field_or("pid", r.pid, 0);
  v.field("exitReason", r.exit_reason);
  v.field("startedAt", r.started);
  v.field("endedAt", r.ended);
  v.field_or("vmEnded", r.vm_ended, false);
}

void describe(auto& v, Like<RunnerProxy> auto& p) {
  v.need("endpoint", p.endpoint);
  v.field("path", p.path);
  v.field("authority", p.authority);
  v.field("serverName", p.server_name);
  v.field_or("unverified", p.unverified, false);
  v.field("certificate", p.certificate);
  v.field("key", p.key);
  v.field("authorization", p.authorization);
}

void describe(auto& v, Like<RunnerAccess> auto& r) {
  v.field("authority", r.authority);
  v.field("serverName", r.server_name);
  v.field("token", r.token);
  v.field("through", r.through);
}

void describe(auto& v, Like<Authority> auto& a) {
  v.need("certificate", a.certificate);
  v.need("key", a.key);
}

Result<Node> decode_node(const Object& object) {
  const auto json = parse_json(object.spec);
  if (!json) return json.error().at("spec");
  auto node = read_document<Node>(*json, "spec", Keys::strict);
  if (!node) return node;
  if (!(node->watermark > 0 && node->watermark <= 1)) {
    return Error{Code::invalid_argument, "spec.watermark: " + shown(Json(node->watermark)) +
                                             " is out of range; give more than 0 and at most 1"};
  }
  node->name = object.name;
  node->labels = object.labels;
  return node;
}

void encode_node(const Node& node, Object& object) {
  object.kind = Kind::node;
  object.name = node.name;
  object.labels = node.labels;
  object.spec = rewrite(object.spec, node);
}

Result<Neighbour> decode_neighbour(std::string_view json) { return read_text<Neighbour>(json, Keys::strict); }
std::string encode(const Neighbour& neighbour) { return write_text(neighbour); }

Result<RunnerSpec> decode_runner_spec(std::string_view json) { return read_text<RunnerSpec>(json, Keys::strict); }
std::string encode(const RunnerSpec& spec) { return write_text(spec); }

Result<RunnerStatus> decode_runner_status(std::string_view json) {
  return read_text<RunnerStatus>(json, Keys::strict);
}
std::string encode(const RunnerStatus& status) { return write_text(status); }

Result<RunnerAccess> decode_runner_access(std::string_view json) { return read_text<RunnerAccess>(json, Keys::lenient); }
std::string encode(const RunnerAccess& access) { return write_text(access); }

Result<Authority> decode_authority(std::string_view json) { return read_text<Authority>(json, Keys::lenient); }
std::string encode(const Authority& authority) { return write_text(authority); }

}  // namespace neonvm::wire
