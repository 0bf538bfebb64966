#include "plugins/orchestrator-k8s/usage_on_pods.hpp"

#include "core/wire/model_json.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* size_annotations[] = {wire::usage_annotation, wire::vm_resources_annotation, wire::overcommit_annotation};

}  // namespace

std::size_t UsageOnPods::digest(const Texts& texts) {
  std::string all;
  for (const auto& [name, text] : texts) all.append(name).append(1, '\0').append(text).append(1, '\0');
  return std::hash<std::string>()(all);
}

void UsageOnPods::saw(const Object& object, bool gone, const Warn& warn) {
  const bool is_vm = object.kind == Kind::virtual_machine;
  const std::string& uid = is_vm ? object.uid : object.owner_uid;
  if (uid.empty()) return;
  const std::lock_guard lock(mutex_);
  Vm& vm = vms_[uid];
  if (is_vm) {
    const auto spec = gone ? Result<VmSpec>(Error{}) : wire::decode_vm_spec(object);
    vm.wanted = spec ? std::optional(wire::pod_usage(*spec, object.spec)) : std::nullopt;
    for (const Pod& pod : vm.pods) settle(vm, pod, warn);
  } else {
    std::erase_if(vm.pods, [&object](const Pod& pod) { return pod.uid == object.uid; });
    if (gone || object.deleting) {
      behind_->drop(object.uid);
    } else {
      Texts has;
      for (const char* name : size_annotations)
        if (const auto text = object.annotations.find(name); text != object.annotations.end()) has.insert(*text);
      vm.pods.push_back({object.uid, object.ns, object.name, digest(has)});
      settle(vm, vm.pods.back(), warn);
    }
  }
  if (!vm.wanted && vm.pods.empty()) vms_.erase(uid);
}

void UsageOnPods::settle(const Vm& vm, const Pod& pod, const Warn& warn) {
  const Texts wanted = vm.wanted ? wire::encode(*vm.wanted) : Texts{};
  if (wanted.empty() || digest(wanted) == pod.has) return behind_->drop(pod.uid);
  Json annotations = Json::object();
  for (const char* name : size_annotations) {
    const auto text = wanted.find(name);
    annotations[name] = text == wanted.end() ? Json() : Json(text->second);
  }
  behind_->put(pod.uid,
               {"tell the size of the VM of Pod " + pod.name.substr(0, 80), "PATCH", object_path(Kind::runner, pod.ns, pod.name),
                dump({{"metadata", {{"uid", pod.uid}, {"annotations", annotations}}}}), "application/merge-patch+json"},
               warn, after_);
}

}  // namespace neonvm::k8s
