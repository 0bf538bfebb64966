#include "plugins/orchestrator-k8s/runner_pod.hpp"

#include "core/wire/model_json.hpp"
#include "core/wire/wall_time.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* role_label = "neonvm.dev/runner-role";
constexpr const char* port_annotation = "neonvm.dev/runner-port";
constexpr const char* spec_file = "/neonvm/spec/runner.json";
// QEMU, its page tables and the runner: a fixed part, and what grows with the guest.
constexpr Bytes fixed_overhead{160 * mib};
constexpr std::uint64_t overhead_share = 64;

Bytes with_overhead(Bytes guest) { return guest + fixed_overhead + Bytes{guest.value / overhead_share}; }

// Requested: what the guest begins with. Limit: what it may come to have; no limit on the CPU, of which QEMU's own
// threads take some, too.
Json resources_of(const MachineSpec& machine) {
  const Bytes least = with_overhead(machine.base_memory + machine.plugged_at_start);
  const Bytes most = with_overhead(machine.base_memory + machine.pluggable_memory);
  return {{"requests", {{"cpu", std::to_string(machine.online_cpus)}, {"memory", std::to_string(least.value)}}},
          {"limits", {{"memory", std::to_string(most.value)}}}};
}

Json container_of(const Object& runner, const MachineSpec& machine, const PodSettings& settings) {
  return {{"name", runner_container},
          {"image", settings.image},
          {"imagePullPolicy", "IfNotPresent"},
          {"args", {"runner", "--name", runner.name, "--spec", spec_file}},
          {"resources", resources_of(machine)},
          {"ports", Json::array({{{"name", "runner"}, {"containerPort", settings.port}}})},
          {"terminationMessagePolicy", "FallbackToLogsOnError"},
          {"volumeMounts", Json::array({{{"name", "spec"}, {"mountPath", "/neonvm/spec"}, {"readOnly", true}}})}};
}

Json affinity_to(const std::string& node) {
  const Json fields = Json::array({{{"key", "metadata.name"}, {"operator", "In"}, {"values", {node}}}});
  return {{"nodeAffinity",
           {{"requiredDuringSchedulingIgnoredDuringExecution",
             {{"nodeSelectorTerms", Json::array({{{"matchFields", fields}}})}}}}}};
}

Json pod_spec(const Object& runner, const RunnerSpec& spec, const MachineSpec& machine, const PodSettings& settings) {
  const std::string field = std::string("metadata.annotations['") + runner_spec_annotation + "']";
  Json pod = {{"restartPolicy", "Never"},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", false},
              {"containers", Json::array({container_of(runner, machine, settings)})},
              {"volumes", Json::array({{{"name", "spec"},
                                        {"downwardAPI", {{"items", Json::array({{{"path", "runner.json"}, {"fieldRef", {{"fieldPath", field}}}}})}}}}})}};
  if (!settings.scheduler.empty()) pod["schedulerName"] = settings.scheduler;
  if (!spec.node.empty()) pod["affinity"] = affinity_to(spec.node);
  return pod;
}

const Json* container_state(const Json& pod) {
  const Json::json_pointer at("/status/containerStatuses");
  if (!pod.contains(at) || !pod.at(at).is_array()) return nullptr;
  for (const Json& status : pod.at(at)) {
    if (text_at(status, "/name") == runner_container) return &status;
  }
  return nullptr;
}

// How the container ended, in words.
std::string end_of(const Json& pod, const Json* container) {
  if (container == nullptr || !container->contains(Json::json_pointer("/state/terminated"))) {
    const std::string reason = text_at(pod, "/status/reason"), message = text_at(pod, "/status/message");
    if (reason.empty() && message.empty()) return "its pod ended without a word";
    return reason + (reason.empty() || message.empty() ? "" : ": ") + message;
  }
  const Json& end = container->at(Json::json_pointer("/state/terminated"));
  const auto code = end.find("exitCode");
  std::string text = code != end.end() && code->is_number_integer() ? "exit code " + std::to_string(code->get<int>()) : "ended";
  if (const std::string reason = text_at(end, "/reason"); !reason.empty() && reason != "Error") text += " (" + reason + ")";
  if (const std::string message = text_at(end, "/message"); !message.empty()) text += ": " + message.substr(0, 500);
  return text;
}

// Said by the runner itself, if it came to that.
std::optional<RunnerStatus> farewell_of(const Json* container) {
  if (container == nullptr) return std::nullopt;
  auto said = wire::decode_runner_status(text_at(*container, "/state/terminated/message"));
  const bool is_end = said && (said->phase == RunnerPhase::succeeded || said->phase == RunnerPhase::failed);
  return is_end ? std::optional(std::move(*said)) : std::nullopt;
}

RunnerStatus status_of(const Json& pod, const std::string& port) {
  RunnerStatus status;
  const Json* container = container_state(pod);
  const std::string phase = text_at(pod, "/status/phase"), ip = text_at(pod, "/status/podIP");
  status.started = wire::parse_rfc3339(text_at(pod, "/status/startTime")).value_or(WallTime{});
  if (phase == "Running") {
    const bool ready = container != nullptr && container->contains("ready") && container->at("ready") == true;
    status.phase = ready && !ip.empty() ? RunnerPhase::running : RunnerPhase::starting;
    if (status.phase == RunnerPhase::running) {
      status.endpoint = "https://" + (ip.find(':') == std::string::npos ? ip : "[" + ip + "]") + ":" + port;
    }
    return status;
  }
  if (phase != "Succeeded" && phase != "Failed") return status;
  if (auto said = farewell_of(container)) return std::move(*said);
  status.phase = phase == "Succeeded" ? RunnerPhase::succeeded : RunnerPhase::failed;
  status.exit_reason = end_of(pod, container);
  // A node that is lost may still run it, whatever the pod's phase says.
  status.vm_ended = container != nullptr && container->contains(Json::json_pointer("/state/terminated"));
  if (status.vm_ended) {
    status.ended = wire::parse_rfc3339(text_at(*container, "/state/terminated/finishedAt")).value_or(WallTime{});
  }
  return status;
}

Json reduced_metadata(const Json& pod) {
  Json metadata = Json::object();
  for (const char* key : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp"}) {
    if (std::string value = text_at(pod, std::string("/metadata/") + key); !value.empty()) metadata[key] = std::move(value);
  }
  for (const char* key : {"labels", "annotations"}) {
    const Json::json_pointer at(std::string("/metadata/") + key);
    if (pod.contains(at) && pod.at(at).is_object()) metadata[key] = pod.at(at);
  }
  if (std::string uid = text_at(pod, "/metadata/ownerReferences/0/uid"); !uid.empty()) {
    metadata["ownerReferences"] = Json::array({{{"uid", uid}}});
  }
  return metadata;
}

}  // namespace

Result<std::string> encode_runner_pod(const Object& runner, const std::string& ns, const PodSettings& settings) {
  if (Status named = check_name(runner.name); !named) return named.error();
  auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec) return Error{Code::invalid_argument, "runner \"" + runner.name + "\": spec: " + spec.error().message};
  auto machine = wire::decode_machine_spec(spec->machine);
  if (!machine) return Error{Code::invalid_argument, "runner \"" + runner.name + "\": spec.machine: " + machine.error().message};
  if (settings.image.empty()) {
    return Error{Code::failed_precondition, "orchestrator \"k8s\": runnerImage is not set, and a runner is a pod of that image"};
  }
  Json labels = runner.labels, annotations = runner.annotations;
  labels[vm_name_label] = spec->vm;
  labels[role_label] = to_string(spec->role);
  annotations[runner_spec_annotation] = runner.spec;
  annotations[port_annotation] = std::to_string(settings.port);
  Json metadata = {{"name", runner.name}, {"namespace", ns}, {"labels", labels}, {"annotations", annotations}};
  const std::string owner = runner.owner_uid.empty() ? spec->vm_uid : runner.owner_uid;
  if (!owner.empty()) {
    metadata["ownerReferences"] = Json::array({{{"apiVersion", "vm.neon.tech/v1"}, {"kind", "VirtualMachine"}, {"name", spec->vm},
                                                {"uid", owner}, {"controller", true}, {"blockOwnerDeletion", true}}});
  }
  return dump({{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata}, {"spec", pod_spec(runner, *spec, *machine, settings)}});
}

Result<Object> runner_object(std::string_view text) {
  const Json pod = Json::parse(text, nullptr, false);
  if (!pod.is_object()) return Error{Code::invalid_argument, "is not an object"};
  auto object = wire::decode_object(
      dump({{"apiVersion", "neonvm.dev/v1"}, {"kind", "Runner"}, {"metadata", reduced_metadata(pod)}}));
  if (!object) return object;
  const auto spec = object->annotations.find(runner_spec_annotation);
  if (spec == object->annotations.end()) {
    return Error{Code::invalid_argument, std::string("has no annotation ") + runner_spec_annotation};
  }
  if (auto good = wire::decode_runner_spec(spec->second); !good) {
    return good.error().at(std::string("annotation ") + runner_spec_annotation);
  }
  object->spec = spec->second;
  object->status = wire::encode(status_of(pod, object->annotations[port_annotation]));
  for (const char* key : {runner_spec_annotation, port_annotation}) object->annotations.erase(key);
  for (const char* key : {vm_name_label, role_label}) object->labels.erase(key);
  return object;
}

}  // namespace neonvm::k8s
