#include "core/wire/pod.hpp"

#include "core/model/pod_layout.hpp"
#include "core/wire/admission_rules.hpp"
#include "core/wire/pod_tree.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

Resources read_requests(const Json& requests, const std::string& path, Faults& faults) {
  Resources sum;
  if (const Json& cpu = part(requests, "cpu"); !cpu.is_null()) read_value(cpu, path + ".cpu", faults, sum.cpu);
  if (const Json& memory = part(requests, "memory"); !memory.is_null()) read_value(memory, path + ".memory", faults, sum.memory);
  return sum;
}

template <typename Take>
void each_container(const Json& spec, const char* list, Faults& faults, Take take) {
  const Json& containers = part(spec, list);
  if (!containers.is_array()) return;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string path = std::string("spec.") + list + "[" + std::to_string(i) + "].resources.requests";
    take(containers[i], read_requests(part(part(containers[i], "resources"), "requests"), path, faults));
  }
}

Resources requests_of(const Json& spec, Faults& faults) {
  Resources together, sidecars, starting;
  each_container(spec, "containers", faults, [&](const Json&, const Resources& r) { together = together + r; });
  each_container(spec, "initContainers", faults, [&](const Json& container, const Resources& r) {
    if (part(container, "restartPolicy") == "Always") sidecars = sidecars + r;
    else starting = field_max(starting, sidecars + r);
  });
  Resources all = field_max(together + sidecars, starting);
  const Json& whole = part(part(spec, "resources"), "requests");
  const Resources said = read_requests(whole, "spec.resources.requests", faults);
  if (!part(whole, "cpu").is_null()) all.cpu = said.cpu;
  if (!part(whole, "memory").is_null()) all.memory = said.memory;
  return all + read_requests(part(spec, "overhead"), "spec.overhead", faults);
}

Json tree_of(const Json& text) {
  if (!text.is_string()) return nullptr;
  auto json = parse_json(text.get_ref<const std::string&>());
  return json ? std::move(*json) : Json(nullptr);
}

// Of a VM of upstream's: what it has, and what its scheduler has approved.
Resources vm_of(const Json& annotations) {
  Faults unheard;
  Resources size;
  const Json has = tree_of(part(annotations, "vm.neon.tech/resources"));
  Bytes slot;
  if (const Json& cpu = part(part(has, "cpus"), "use"); !cpu.is_null()) read_value(cpu, "", unheard, size.cpu);
  if (const Json& bytes = part(has, "memorySlotSize"); !bytes.is_null()) read_value(bytes, "", unheard, slot);
  const Json& slots = part(part(has, "memorySlots"), "use");
  if (const auto count = slots.is_null() ? std::nullopt : read_unsigned(slots, "", unheard, 65535)) {
    unsigned __int128 memory = slot.value;
    memory *= *count;
    size.memory = Bytes{memory > std::numeric_limits<std::uint64_t>::max() ? std::numeric_limits<std::uint64_t>::max()
                                                                           : static_cast<std::uint64_t>(memory)};
  }
  const Json approved = tree_of(part(annotations, "internal.autoscaling.neon.tech/resources-approved"));
  Resources more;
  if (const Json& cpu = part(approved, "vCPUs"); !cpu.is_null()) read_value(cpu, "", unheard, more.cpu);
  if (const Json& memory = part(approved, "mem"); !memory.is_null()) read_value(memory, "", unheard, more.memory);
  return field_max(size, more);
}

std::string text_of(const Json& json) { return json.is_string() ? json.get<std::string>() : std::string(); }

}  // namespace

Pod read_pod(const Json& json, const std::string& path, Faults& faults) {
  Pod pod;
  const Json& metadata = part(json, "metadata");
  const Json& spec = part(json, "spec");
  if (!metadata.is_object()) {
    faults.add(path + "metadata", "is missing");
    return pod;
  }
  Reader reader(metadata, path + "metadata", faults, Keys::lenient);
  reader.need("name", pod.name);
  reader.field("namespace", pod.ns);
  reader.field("uid", pod.uid);
  pod.node = text_of(part(spec, "nodeName"));
  pod.requests = requests_of(spec, faults);
  const std::string phase = text_of(part(part(json, "status"), "phase"));
  pod.ended = phase == "Succeeded" || phase == "Failed";
  const Json& annotations = part(metadata, "annotations");
  pod.runner_spec = text_of(part(annotations, pod::runner_spec_annotation));
  const bool vm = !part(part(metadata, "labels"), pod::vm_name_label).is_null();
  if (pod.runner_spec.empty() && vm) pod.requests = field_max(pod.requests, vm_of(annotations));
  return pod;
}

Json pod_tree(const Pod& pod) {
  Json metadata = {{"name", pod.name}, {"namespace", pod.ns}, {"uid", pod.uid}};
  if (!pod.runner_spec.empty()) metadata["annotations"] = {{pod::runner_spec_annotation, pod.runner_spec}};
  const Json requests = {{"cpu", json_of(pod.requests.cpu)}, {"memory", json_of(pod.requests.memory)}};
  Json spec = {{"containers", Json::array({{{"name", "c"}, {"resources", {{"requests", requests}}}}})}};
  if (!pod.node.empty()) spec["nodeName"] = pod.node;
  return {{"metadata", metadata}, {"spec", spec}, {"status", {{"phase", pod.ended ? "Succeeded" : "Pending"}}}};
}

Result<Pod> decode_pod(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  if (!json->is_object()) return Error{Code::invalid_argument, "is not an object"};
  Faults faults;
  Pod pod = read_pod(*json, "", faults);
  if (!faults.none()) return faults.error();
  return pod;
}

std::string encode_pod(const Pod& pod) { return dump_json(pod_tree(pod)); }

}  // namespace neonvm::wire
