#include "plugins/orchestrator-k8s/runner_pod.hpp"

#include <algorithm>
#include <set>

#include "core/wire/model_json.hpp"
#include "core/wire/pod_usage.hpp"
#include "core/wire/port_protocol.hpp"
#include "plugins/orchestrator-k8s/guest_secrets.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/kernel_image.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/runner_secrets.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* image_container = "vm-image";
// Beyond the guest's own grace: the runner powers off harder then, and still says how it ended.
constexpr std::int64_t grace_on_top = 10;

Bytes with_overhead(Bytes guest) { return guest + pod::vmm_memory(guest); }

const Json* find(const Json& json, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && !json.at(at).is_null() ? &json.at(at) : nullptr;
}

// Requested: what the guest begins with. Limit: what it may come to have; no limit on the CPU, of which QEMU's own
// threads take some, too. What the VM says itself goes before.
Json resources_of(const MachineSpec& machine, const Json& vm, const PodSettings& settings) {
  const Bytes least = with_overhead(machine.base_memory + machine.plugged_at_start);
  const Bytes most = with_overhead(machine.base_memory + machine.pluggable_memory);
  Json resources = {{"requests", {{"cpu", std::to_string(machine.online_cpus)}, {"memory", std::to_string(least.value)}}},
                    {"limits", {{"memory", std::to_string(most.value)}}}};
  if (!settings.kvm_resource.empty() && machine.accelerator != Accelerator::tcg) resources["limits"][settings.kvm_resource] = "1";
  if (const Json* own = find(vm, "/spec/podResources"); own != nullptr && own->is_object()) resources.merge_patch(*own);
  return resources;
}

Json least_privilege() {
  return {{"allowPrivilegeEscalation", false}, {"readOnlyRootFilesystem", true}, {"capabilities", {{"drop", {"ALL"}}}}};
}

Json mount(const char* volume, const std::string& path, bool read_only) {
  Json result = {{"name", volume}, {"mountPath", path}};
  if (read_only) result["readOnly"] = true;
  return result;
}

Json ports_of(const Json& vm, const PodSettings& settings) {
  Json ports = Json::array({{{"name", "runner"}, {"containerPort", settings.port}}, {{"name", "migration"}, {"containerPort", pod::migration_port}}});
  const Json* guest = find(vm, "/spec/guest/ports");
  if (guest == nullptr || !guest->is_array()) return ports;
  for (const Json& each : *guest) {
    Json port = {{"containerPort", number_at(each, "/port")}};
    for (const char* key : {"name", "protocol"}) {
      const std::string text = text_at(each, std::string("/") + key);
      if (!text.empty() && text != "runner" && text != "migration") port[key] = text;
    }
    ports.push_back(std::move(port));
  }
  return ports;
}

// One folder for each ConfigMap and Secret that the guest is to have, under the name that the machine's plan has for it.
void add_files(const MachineSpec& machine, Json& volumes, Json& mounts) {
  std::set<std::string> there;
  for (const MachineFiles& files : machine.files) {
    const std::string folder = std::string(files.secret ? pod::secrets : pod::config_maps) + "/";
    if (!files.source.starts_with(folder) || !there.insert(files.source).second) continue;
    const std::string object = files.source.substr(folder.size()), volume = "files-" + std::to_string(there.size());
    Json source = {{"optional", files.optional}};
    source[files.secret ? "secretName" : "name"] = object;
    volumes.push_back({{"name", volume}, {files.secret ? "secret" : "configMap", source}});
    mounts.push_back(mount(volume.c_str(), files.source, true));
  }
}

// Made by the kubelet, and filled by the node's overlay, which takes from its name who may speak there; nobody else's pod has it.
void add_overlay(const MachineSpec& machine, const std::string& ns, const std::string& runner, Json& volumes, Json& mounts) {
  const auto card = std::find_if(machine.networks.begin(), machine.networks.end(), [](const MachineNetwork& each) { return each.port == pod::overlay_port; });
  if (card == machine.networks.end()) return;
  wire::PortFolder owned{ns, runner, {}};
  if (const auto address = parse_ip(card->address)) owned.owner = wire::PortOwner{card->mac, *address};
  const std::string folder = std::string(pod::overlay_ports) + "/" + wire::encode(owned);
  volumes.push_back({{"name", "overlay"}, {"hostPath", {{"path", folder}, {"type", "DirectoryOrCreate"}}}});
  mounts.push_back(mount("overlay", pod::overlay_folder, true));
}

Json runner_arguments(const Object& runner, const PodSettings& settings, bool has_image) {
  Json words = {"runner", "--name", runner.name, "--spec", pod::spec_file, "--listen", "https://0.0.0.0:" + std::to_string(settings.port),
                "--credentials", pod::access, "--farewell", pod::farewell, "--forward-address", "0.0.0.0",
                "--migration-address", "$(POD_IP):" + std::to_string(pod::migration_port)};
  if (has_image) words.insert(words.end(), {"--image-door", pod::door_socket});
  return words;
}

std::string runner_image_of(const Json& vm, const PodSettings& settings) {
  const std::string own = text_at(vm, "/spec/runnerImage");
  return own.empty() ? settings.image : own;
}

Json pod_address() { return {{"name", "POD_IP"}, {"valueFrom", {{"fieldRef", {{"fieldPath", "status.podIP"}}}}}}; }

Json runner_of(const Object& runner, const MachineSpec& machine, const Json& vm, const std::string& ns, const PodSettings& settings, Json& volumes) {
  Json mounts = Json::array({mount("spec", "/neonvm/spec", true), mount("access", pod::access, true), mount("run", pod::run_folder, false),
                             mount("disks", pod::disks, false)});
  const bool has_image = !machine.disks.empty() && !machine.disks.front().backing.empty();
  if (has_image) mounts.push_back(mount("image", pod::door_folder, true));
  add_files(machine, volumes, mounts);
  add_overlay(machine, ns, runner.name, volumes, mounts);
  mount_guest_secrets(machine, text_at(vm, "/metadata/name"), volumes, mounts);
  const Json ready = {{"httpGet", {{"path", "/ready"}, {"port", "runner"}, {"scheme", "HTTPS"}}}, {"periodSeconds", 2}, {"timeoutSeconds", 2}};
  return {{"name", runner_container},
          {"image", runner_image_of(vm, settings)},
          {"imagePullPolicy", "IfNotPresent"},
          {"command", {"/usr/bin/neonvm"}},
          {"args", runner_arguments(runner, settings, has_image)},
          {"env", Json::array({pod_address(), {{"name", "HOME"}, {"value", pod::home}}, {{"name", "TMPDIR"}, {"value", pod::run_folder}}})},
          {"resources", resources_of(machine, vm, settings)},
          {"ports", ports_of(vm, settings)},
          {"readinessProbe", ready},
          {"securityContext", least_privilege()},
          {"terminationMessagePolicy", "FallbackToLogsOnError"},
          {"volumeMounts", mounts}};
}

// The image's own container only holds its disk open; what runs in it is ours, put there by an init container.
void add_image(const MachineSpec& machine, const Json& vm, const PodSettings& settings, Json& pod_spec) {
  if (machine.disks.empty() || machine.disks.front().backing.empty()) return;
  const std::string door = std::string(pod::door_folder) + "/door";
  const Json small = {{"requests", {{"cpu", "1m"}, {"memory", "4Mi"}}}, {"limits", {{"memory", "32Mi"}}}};
  const std::string policy = text_at(vm, "/spec/guest/rootDisk/imagePullPolicy");
  pod_spec["initContainers"] = Json::array({{{"name", "image-door"}, {"image", runner_image_of(vm, settings)}, {"imagePullPolicy", "IfNotPresent"},
                                             {"command", {pod::image_door, "--copy", door}}, {"resources", small},
                                             {"securityContext", least_privilege()},
                                             {"volumeMounts", Json::array({mount("image", pod::door_folder, false)})}}});
  // First: containers are started in their order, and the runner waits for this one.
  Json& containers = pod_spec["containers"];
  containers.insert(containers.begin(), Json{{"name", image_container}, {"image", machine.disks.front().backing},
                                    {"imagePullPolicy", policy.empty() ? "IfNotPresent" : policy},
                                    {"command", {door, pod::door_socket, pod::image_disk}}, {"resources", small},
                                    {"securityContext", least_privilege()},
                                    {"volumeMounts", Json::array({mount("image", pod::door_folder, false)})}});
  pod_spec["volumes"].push_back({{"name", "image"}, {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", "16Mi"}}}});
}

// As they are, and last: they may count on what ours have brought. A name of ours is refused by the API server.
void add_own_init_containers(const Json& vm, Json& pod_spec) {
  const Json* own = find(vm, "/spec/extraInitContainers");
  if (own == nullptr || !own->is_array()) return;
  for (const Json& each : *own) pod_spec["initContainers"].push_back(each);
}

// Terms are alternatives, so each of the VM's own must name the node, too.
Json affinity_to(const std::string& node, const Json& vm) {
  const Json* own = find(vm, "/spec/affinity");
  Json affinity = own != nullptr && own->is_object() ? *own : Json::object();
  if (node.empty()) return affinity;
  const Json field = {{"key", "metadata.name"}, {"operator", "In"}, {"values", {node}}};
  const std::string terms = "/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
  if (const Json* there = find(affinity, terms); there == nullptr || !there->is_array() || there->empty()) {
    affinity[Json::json_pointer(terms)] = Json::array({Json::object()});
  }
  for (Json& term : affinity[Json::json_pointer(terms)]) term["matchFields"].push_back(field);
  return affinity;
}

Json volumes_of(const RunnerSpec& spec) {
  const std::string field = std::string("metadata.annotations['") + runner_spec_annotation + "']";
  const Json item = {{"path", "runner.json"}, {"fieldRef", {{"fieldPath", field}}}};
  return Json::array({{{"name", "spec"}, {"downwardAPI", {{"items", Json::array({item})}}}},
                      {{"name", "access"}, {"secret", {{"secretName", runner_secret_name(spec.vm)}}}},
                      {{"name", "run"}, {"emptyDir", {{"medium", "Memory"}, {"sizeLimit", "16Mi"}}}},
                      {{"name", "disks"}, {"emptyDir", Json::object()}}});
}

bool is_routed(const MachineSpec& machine) { return !machine.networks.empty() && machine.networks.front().tap == pod::tap; }

// What needs a right is done by root before the runner starts, which needs none: it owns the tap, and opens it.
void add_network(const MachineSpec& machine, const std::string& image, Json& pod_spec) {
  if (!is_routed(machine)) return;
  Json rights = least_privilege();
  rights["runAsUser"] = 0;
  rights["runAsNonRoot"] = false;
  rights["capabilities"]["add"] = Json::array({"NET_ADMIN"});
  const Json tun = mount("tun", "/dev/net/tun", false);
  pod_spec["initContainers"].push_back({{"name", "network"}, {"image", image}, {"imagePullPolicy", "IfNotPresent"},
                                        {"command", {"/usr/bin/neonvm"}},
                                        {"args", {"pod-network", "--spec", pod::spec_file, "--address", "$(POD_IP)"}},
                                        {"env", Json::array({pod_address(), {{"name", "HOME"}, {"value", pod::home}}})},
                                        {"resources", {{"requests", {{"cpu", "1m"}, {"memory", "16Mi"}}}, {"limits", {{"memory", "64Mi"}}}}},
                                        {"securityContext", rights},
                                        {"volumeMounts", Json::array({mount("spec", "/neonvm/spec", true), tun})}});
  for (Json& container : pod_spec["containers"])
    if (container["name"] == runner_container) container["volumeMounts"].push_back(tun);
  pod_spec["volumes"].push_back({{"name", "tun"}, {"hostPath", {{"path", "/dev/net/tun"}, {"type", "CharDevice"}}}});
}

// Whoever evicts pods from a node that does not answer cannot end them there; it makes sure that they are ended when the node is
// back. A VM that has outlived the silence would be lost for nothing, and before its pod is gone nobody may start it elsewhere anyway.
// What the VM says itself of such nodes goes before.
void bear_silence(Json& pod) {
  Json& all = pod["tolerations"];
  if (!all.is_array()) all = Json::array();
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    const bool own = std::any_of(all.begin(), all.end(), [key](const Json& each) {
      const std::string named = text_at(each, "/key"), effect = text_at(each, "/effect");
      return (named.empty() || named == key) && (effect.empty() || effect == "NoExecute");
    });
    if (!own) all.push_back({{"key", key}, {"operator", "Exists"}, {"effect", "NoExecute"}});
  }
}

Json pod_spec(const Object& runner, const RunnerSpec& spec, const MachineSpec& machine, const Json& vm, const std::string& ns, const PodSettings& settings) {
  Json volumes = volumes_of(spec);
  const Json container = runner_of(runner, machine, vm, ns, settings, volumes);
  const Json* grace = find(vm, "/spec/terminationGracePeriodSeconds");
  Json pod = {{"restartPolicy", "Never"},
              {"terminationGracePeriodSeconds", (grace != nullptr && grace->is_number_integer() ? grace->get<std::int64_t>() : 5) + grace_on_top},
              {"automountServiceAccountToken", false},
              {"enableServiceLinks", vm.value(Json::json_pointer("/spec/service_links"), Json()) == true},
              {"securityContext", {{"runAsNonRoot", true}, {"runAsUser", pod::user}, {"runAsGroup", pod::user}, {"fsGroup", pod::user},
                                   {"seccompProfile", {{"type", "RuntimeDefault"}}}}},
              {"containers", Json::array({container})},
              {"volumes", volumes}};
  add_image(machine, vm, settings, pod);
  add_kernel(machine, runner_image_of(vm, settings), text_at(vm, "/spec/guest/rootDisk/imagePullPolicy"), pod);
  add_network(machine, runner_image_of(vm, settings), pod);
  add_own_init_containers(vm, pod);
  for (const char* key : {"tolerations", "nodeSelector", "imagePullSecrets", "serviceAccountName", "schedulerName"}) {
    if (const Json* own = find(vm, std::string("/spec/") + key)) pod[key] = *own;
  }
  bear_silence(pod);
  if (!settings.scheduler.empty() && !pod.contains("schedulerName")) pod["schedulerName"] = settings.scheduler;
  if (Json affinity = affinity_to(spec.node, vm); !affinity.empty()) pod["affinity"] = std::move(affinity);
  return pod;
}

Json metadata_of(const Object& runner, const RunnerSpec& spec, const Json& vm, const std::string& ns, const PodSettings& settings) {
  Json labels = runner.labels, annotations = runner.annotations;
  const auto take = [&vm](const char* from, Json& into) {
    const Json* own = find(vm, std::string("/metadata/") + from);
    if (own != nullptr && own->is_object()) into.merge_patch(*own);
  };
  take("labels", labels);
  take("annotations", annotations);
  annotations.erase("kubectl.kubernetes.io/last-applied-configuration");
  labels[vm_name_label] = spec.vm;
  labels[role_label] = to_string(spec.role);
  annotations[runner_spec_annotation] = runner.spec;
  annotations[port_annotation] = std::to_string(settings.port);
  for (const char* name : {wire::usage_annotation, wire::vm_resources_annotation, wire::overcommit_annotation}) annotations.erase(name);
  if (const auto read = decode(Kind::virtual_machine, dump(vm))) {
    if (const auto size = wire::decode_vm_spec(*read)) annotations.update(Json(wire::encode(wire::pod_usage(*size, read->spec))));
  }
  Json metadata = {{"name", runner.name}, {"namespace", ns}, {"labels", labels}, {"annotations", annotations}};
  const std::string owner = runner.owner_uid.empty() ? spec.vm_uid : runner.owner_uid;
  if (!owner.empty()) {
    metadata["ownerReferences"] = Json::array({{{"apiVersion", "vm.neon.tech/v1"}, {"kind", "VirtualMachine"}, {"name", spec.vm},
                                                {"uid", owner}, {"controller", true}, {"blockOwnerDeletion", true}}});
  }
  return metadata;
}

}  // namespace

Result<std::string> encode_runner_pod(const Object& runner, std::string_view vm_text, const std::string& ns, const PodSettings& settings) {
  const std::string place = "runner \"" + runner.name + "\": ";
  if (Status named = check_name(runner.name); !named) return named.error();
  auto spec = wire::decode_runner_spec(runner.spec);
  if (!spec) return Error{Code::invalid_argument, place + "spec: " + spec.error().message};
  auto machine = wire::decode_machine_spec(spec->machine);
  if (!machine) return Error{Code::invalid_argument, place + "spec.machine: " + machine.error().message};
  if (settings.image.empty()) {
    return Error{Code::failed_precondition, "orchestrator \"k8s\": runnerImage is not set, and a runner is a pod of that image"};
  }
  const Json vm = Json::parse(vm_text, nullptr, false);
  if (!vm.is_object()) return Error{Code::data_loss, place + "its VirtualMachine is not an object"};
  if (const std::string uid = text_at(vm, "/metadata/uid"); !spec->vm_uid.empty() && uid != spec->vm_uid)
    return Error{Code::failed_precondition, place + "another VM has the name " + spec->vm + " now"};
  if (spec->attach_only) return Error{Code::failed_precondition, place + "a pod's QEMU ends with the pod; there is nothing to take hold of"};
  if (Status added = add_guest_secrets(vm.value("spec", Json()), spec->role, *machine); !added) return added.error();
  place_kernel(*machine);
  // Of its own: by the run directory runners are told apart that hold one QEMU.
  machine->run_dir = std::string(pod::run_folder) + "/" + runner.name;
  machine->guest_socket = machine->run_dir + "/guest.sock";
  machine->console_socket = machine->run_dir + "/console.sock";
  spec->machine = wire::encode(*machine);
  Object placed = runner;
  placed.spec = wire::encode(*spec);
  return dump({{"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", metadata_of(placed, *spec, vm, ns, settings)},
               {"spec", pod_spec(placed, *spec, *machine, vm, ns, settings)}});
}

}  // namespace neonvm::k8s
