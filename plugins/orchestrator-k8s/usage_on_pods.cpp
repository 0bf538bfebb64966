#include "plugins/orchestrator-k8s/usage_on_pods.hpp"

#include "core/wire/model_json.hpp"
#include "core/wire/pod_usage.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* size_annotations[] = {wire::usage_annotation, wire::vm_resources_annotation, wire::overcommit_annotation};

}  // namespace

void UsageOnPods::saw(const Object& object, bool gone, const Warn& warn) {
  const bool is_vm = object.kind == Kind::virtual_machine;
  const std::string& uid = is_vm ? object.uid : object.owner_uid;
  if (uid.empty()) return;
  const std::lock_guard lock(mutex_);
  Vm& vm = vms_[uid];
  if (is_vm) {
    const auto spec = gone ? Result<VmSpec>(Error{}) : wire::decode_vm_spec(object);
    vm.wanted = spec ? wire::encode_pod_usage(*spec, object.spec) : Texts{};
    for (const auto& [pod_uid, pod] : vm.pods) settle(vm.wanted, pod_uid, pod, warn);
  } else if (gone || object.deleting) {
    vm.pods.erase(object.uid);
    behind_->drop(object.uid);
  } else {
    Pod& pod = vm.pods[object.uid];
    pod = {object.ns, object.name, {}};
    for (const char* name : size_annotations)
      if (const auto has = object.annotations.find(name); has != object.annotations.end()) pod.has.insert(*has);
    settle(vm.wanted, object.uid, pod, warn);
  }
  if (vm.wanted.empty() && vm.pods.empty()) vms_.erase(uid);
}

void UsageOnPods::settle(const Texts& wanted, const std::string& uid, const Pod& pod, const Warn& warn) {
  if (wanted.empty() || wanted == pod.has) return behind_->drop(uid);
  Json annotations = Json::object();
  for (const char* name : size_annotations) {
    const auto text = wanted.find(name);
    annotations[name] = text == wanted.end() ? Json() : Json(text->second);
  }
  behind_->put(uid,
               {"tell the size of the VM of Pod " + pod.name.substr(0, 80), "PATCH", object_path(Kind::runner, pod.ns, pod.name),
                dump({{"metadata", {{"uid", uid}, {"annotations", annotations}}}}), "application/merge-patch+json"},
               warn, after_);
}

}  // namespace neonvm::k8s
