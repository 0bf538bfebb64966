// What a pod says of its runner.
#include "core/wire/model_json.hpp"
#include "core/wire/wall_time.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/runner_pod.hpp"

namespace neonvm::k8s {
namespace {

const Json* container_state(const Json& pod) {
  const Json::json_pointer at("/status/containerStatuses");
  if (!pod.contains(at) || !pod.at(at).is_array()) return nullptr;
  for (const Json& status : pod.at(at)) {
    if (text_at(status, "/name") == runner_container) return &status;
  }
  return nullptr;
}

// How a container ended, in words.
std::string ended(const Json& end) {
  const auto code = end.find("exitCode");
  std::string text = code != end.end() && code->is_number_integer() ? "exit code " + std::to_string(code->get<int>()) : "ended";
  if (const std::string reason = text_at(end, "/reason"); !reason.empty() && reason != "Error") text += " (" + reason + ")";
  if (const std::string message = text_at(end, "/message"); !message.empty()) text += ": " + message.substr(0, 500);
  return text;
}

// Pods of ours are not restarted: one init container that fails is the end of its pod, which itself does not say so.
std::string failed_before(const Json& pod) {
  const Json::json_pointer at("/status/initContainerStatuses"), end("/state/terminated");
  if (!pod.contains(at) || !pod.at(at).is_array()) return "";
  for (const Json& container : pod.at(at)) {
    if (container.contains(end) && number_at(container, "/state/terminated/exitCode") != 0)
      return "init container " + text_at(container, "/name") + ": " + ended(container.at(end));
  }
  return "";
}

std::string end_of(const Json& pod, const Json* container) {
  if (container == nullptr || !container->contains(Json::json_pointer("/state/terminated"))) {
    if (std::string before = failed_before(pod); !before.empty()) return before;
    const std::string reason = text_at(pod, "/status/reason"), message = text_at(pod, "/status/message");
    if (reason.empty() && message.empty()) return "its pod ended without a word";
    return reason + (reason.empty() || message.empty() ? "" : ": ") + message;
  }
  return ended(container->at(Json::json_pointer("/state/terminated")));
}

// Said by the runner itself, if it came to that.
std::optional<RunnerStatus> farewell_of(const Json* container) {
  if (container == nullptr) return std::nullopt;
  auto said = wire::decode_runner_status(text_at(*container, "/state/terminated/message"));
  const bool is_end = said && (said->phase == RunnerPhase::succeeded || said->phase == RunnerPhase::failed);
  return is_end ? std::optional(std::move(*said)) : std::nullopt;
}

// What keeps a container from being started, if the kubelet calls it trouble: an image that is not there, a configuration.
std::string trouble_of(const Json& pod) {
  for (const char* list : {"/status/initContainerStatuses", "/status/containerStatuses"}) {
    const Json::json_pointer at(list);
    if (!pod.contains(at) || !pod.at(at).is_array()) continue;
    for (const Json& container : pod.at(at)) {
      const std::string reason = text_at(container, "/state/waiting/reason"), message = text_at(container, "/state/waiting/message");
      const bool usual = reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing";
      if (usual) continue;
      const bool image = reason.find("Image") != std::string::npos;
      return (image ? "image " + text_at(container, "/image") : "container " + text_at(container, "/name")) + ": " + reason +
             (message.empty() ? "" : ": " + message.substr(0, 500));
    }
  }
  return "";
}

RunnerStatus status_of(const Json& pod, const std::string& port) {
  RunnerStatus status;
  const Json* container = container_state(pod);
  const std::string phase = text_at(pod, "/status/phase"), ip = text_at(pod, "/status/podIP");
  status.started = wire::parse_rfc3339(text_at(pod, "/status/startTime")).value_or(WallTime{});
  const bool over = container != nullptr && container->contains(Json::json_pointer("/state/terminated"));
  if (phase == "Running" && !over) {
    // Its door opens a moment after its container runs; whether the guest is ready is the runner's to say, and the probe's.
    const bool runs = container != nullptr && container->contains(Json::json_pointer("/state/running"));
    status.phase = runs && !ip.empty() ? RunnerPhase::running : RunnerPhase::starting;
    if (status.phase == RunnerPhase::running) {
      status.endpoint = "https://" + (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + port;
    }
    return status;
  }
  if (phase != "Succeeded" && phase != "Failed" && !over) {
    status.exit_reason = trouble_of(pod);
    return status;
  }
  if (auto said = farewell_of(container)) return std::move(*said);
  const bool clean = over ? number_at(*container, "/state/terminated/exitCode") == 0 : phase == "Succeeded";
  status.phase = clean ? RunnerPhase::succeeded : RunnerPhase::failed;
  status.exit_reason = end_of(pod, container);
  // A node that is lost may still run it, whatever the pod's phase says. A container that never was, or waits, ran nothing.
  status.vm_ended = container == nullptr || !container->contains(Json::json_pointer("/state/running"));
  if (over) {
    status.ended = wire::parse_rfc3339(text_at(*container, "/state/terminated/finishedAt")).value_or(WallTime{});
  }
  return status;
}

constexpr const char* spec_pointer = "/metadata/annotations/neonvm.dev~1runner-spec";

Json reduced_metadata(const Json& pod) {
  Json metadata = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"}) {
    if (std::string value = text_at(pod, std::string("/metadata/") + key); !value.empty()) metadata[key] = std::move(value);
  }
  for (const char* key : {"labels", "annotations"}) {
    const Json::json_pointer at(std::string("/metadata/") + key);
    if (pod.contains(at) && pod.at(at).is_object()) metadata[key] = pod.at(at);
  }
  // Most of it all, and read apart.
  if (metadata.contains("annotations")) metadata["annotations"].erase(runner_spec_annotation);
  if (std::string uid = text_at(pod, "/metadata/ownerReferences/0/uid"); !uid.empty()) {
    metadata["ownerReferences"] = Json::array({{{"uid", uid}}});
  }
  return metadata;
}

}  // namespace

Result<Object> runner_object(const Json& pod) {
  if (!pod.is_object()) return Error{Code::invalid_argument, "is not an object"};
  auto object = wire::decode_object(
      dump({{"apiVersion", "neonvm.dev/v1"}, {"kind", "Runner"}, {"metadata", reduced_metadata(pod)}}));
  if (!object) return object;
  const std::string spec = text_at(pod, spec_pointer);
  if (spec.empty()) return Error{Code::invalid_argument, std::string("has no annotation ") + runner_spec_annotation};
  auto good = wire::decode_runner_spec(spec);
  if (!good) return good.error().at(std::string("annotation ") + runner_spec_annotation);
  object->spec = spec;
  if (good->node.empty()) {
    // Its scheduler gave it one.
    good->node = text_at(pod, "/spec/nodeName");
    if (!good->node.empty()) object->spec = wire::encode(*good);
  }
  object->status = wire::encode(status_of(pod, object->annotations[port_annotation]));
  object->annotations.erase(port_annotation);
  for (const char* key : {vm_name_label, role_label}) object->labels.erase(key);
  return object;
}

}  // namespace neonvm::k8s
