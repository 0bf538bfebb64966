#include "plugins/orchestrator-k8s/node_object.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "core/wire/model_json.hpp"
#include "core/wire/node_status.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"

namespace neonvm::k8s {
namespace {

std::map<std::string, std::string> texts_at(const Json& json, const char* pointer) {
  std::map<std::string, std::string> texts;
  const Json::json_pointer at(pointer);
  if (!json.contains(at) || !json.at(at).is_object()) return texts;
  for (const auto& [key, value] : json.at(at).items()) {
    if (value.is_string()) texts.emplace(key, value.get<std::string>());
  }
  return texts;
}

bool is_ready(const Json& json) {
  const Json::json_pointer at("/status/conditions");
  if (!json.contains(at) || !json.at(at).is_array()) return false;
  for (const Json& condition : json.at(at)) {
    if (text_at(condition, "/type") == "Ready") return text_at(condition, "/status") == "True";
  }
  return false;
}

bool is_cordoned(const Json& json) {
  const Json::json_pointer at("/spec/unschedulable");
  return json.contains(at) && json.at(at) == true;
}

// A node that has not reported yet can give nothing.
Status read_capacity(const Json& json, Node& node) {
  Resources& capacity = node.capacity;
  const std::string cpu = text_at(json, "/status/allocatable/cpu"), memory = text_at(json, "/status/allocatable/memory");
  if (!cpu.empty()) {
    const auto value = parse_milli_cpu(cpu);
    if (!value) return value.error().at("status.allocatable.cpu");
    capacity.cpu = *value;
  }
  if (!memory.empty()) {
    const auto value = parse_bytes(memory);
    if (!value) return value.error().at("status.allocatable.memory");
    capacity.memory = *value;
  }
  if (const std::string pods = text_at(json, "/status/allocatable/pods"); !pods.empty()) {
    const auto value = parse_bytes(pods);  // a quantity, as "1k" for thousand
    if (!value) return value.error().at("status.allocatable.pods");
    node.pods = static_cast<std::uint32_t>(std::min<std::uint64_t>(value->value, std::numeric_limits<std::uint32_t>::max()));
    if (node.pods == 0) node.schedulable = false;
  }
  return {};
}

Status read_watermark(const std::string& text, double& watermark) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !std::isfinite(value) || !(value > 0 && value <= 1)) {
    return Error{Code::invalid_argument, std::string("annotation ") + watermark_annotation + ": is not a number above 0 and at most 1"};
  }
  watermark = value;
  return {};
}

// The kubelet puts the family first that the cluster prefers.
NodeStatus addresses_of(const Json& json) {
  NodeStatus status;
  const Json::json_pointer at("/status/addresses");
  if (!json.contains(at) || !json.at(at).is_array()) return status;
  for (const Json& each : json.at(at)) {
    const std::string address = text_at(each, "/address");
    if (text_at(each, "/type") == "InternalIP" && !address.empty()) status.addresses.push_back(address);
  }
  return status;
}

}  // namespace

Result<Object> node_object(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return Error{Code::invalid_argument, "is not an object"};
  Node node;
  node.name = text_at(json, "/metadata/name");
  node.labels = texts_at(json, "/metadata/labels");
  node.schedulable = !is_cordoned(json) && is_ready(json);
  if (Status read = read_capacity(json, node); !read) return read.error();
  const auto annotations = texts_at(json, "/metadata/annotations");
  if (const auto found = annotations.find(watermark_annotation); found != annotations.end()) {
    if (Status read = read_watermark(found->second, node.watermark); !read) return read.error();
  }
  Json metadata = Json::object();
  for (const char* key : {"name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"}) {
    const std::string value = text_at(json, ("/metadata/" + std::string(key)).c_str());
    if (!value.empty()) metadata[key] = value;
  }
  auto object = wire::decode_object(dump({{"apiVersion", "neonvm.dev/v1"}, {"kind", "Node"}, {"metadata", metadata}}));
  if (!object) return object;
  wire::encode_node(node, *object);
  object->annotations = annotations;
  object->status = wire::encode(addresses_of(json));
  return object;
}

}  // namespace neonvm::k8s
