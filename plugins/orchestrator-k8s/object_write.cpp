#include <algorithm>

#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/object_json.hpp"

namespace neonvm::k8s {
namespace {

Json tree(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_object() ? std::move(json) : Json::object();
}

// A migration's VM. Of other kinds nobody knows the owner's name.
std::string owner_name(const Object& object, const Json& spec) {
  const auto vm = spec.find("vmName");
  return object.kind == Kind::migration && vm != spec.end() && vm->is_string() ? vm->get<std::string>() : "";
}

Json annotations_of(const Object& object, const Json& spec) {
  Json annotations = object.annotations;
  if (!object.owner_uid.empty() && owner_name(object, spec).empty()) annotations[owner_annotation] = object.owner_uid;
  return annotations;
}

Json owners_of(const Object& object, const Json& spec) {
  const std::string name = owner_name(object, spec);
  if (object.owner_uid.empty() || name.empty()) return Json::array();
  return Json::array({{{"apiVersion", "vm.neon.tech/v1"}, {"kind", "VirtualMachine"}, {"name", name}, {"uid", object.owner_uid}}});
}

Json replace(const char* path, Json value) { return {{"op", "add"}, {"path", path}, {"value", std::move(value)}}; }

Json test(const char* path, Json value) { return {{"op", "test"}, {"path", path}, {"value", std::move(value)}}; }

// The server compares it with the stored one and answers 409.
Json only_version(const Object& object) {
  return {{"op", "replace"}, {"path", "/metadata/resourceVersion"}, {"value", std::to_string(object.version)}};
}

// Owners are set once, at creation; an annotation that stands for one is only kept.
Json annotations_over(const Json& before, const Object& object, const Json& spec) {
  Json annotations = annotations_of(object, spec);
  const bool stored = before.is_object() && before.contains(owner_annotation);
  if (!stored) annotations.erase(owner_annotation);
  return annotations;
}

}  // namespace

std::string encode_new(const Object& object, const std::string& ns) {
  const Json spec = tree(object.spec);
  Json metadata = {{"name", object.name}, {"namespace", ns}};
  if (!object.labels.empty()) metadata["labels"] = object.labels;
  if (Json annotations = annotations_of(object, spec); !annotations.empty()) metadata["annotations"] = std::move(annotations);
  if (object.finalizer) metadata["finalizers"] = Json::array({our_finalizer});
  if (Json owners = owners_of(object, spec); !owners.empty()) metadata["ownerReferences"] = std::move(owners);
  return dump({{"apiVersion", "vm.neon.tech/v1"}, {"kind", to_string(object.kind)}, {"metadata", std::move(metadata)}, {"spec", spec}});
}

std::string update_patch(const Object& object, bool held) {
  constexpr const char* finalizers = "/metadata/finalizers";
  const Json spec = tree(object.spec);
  Json patch = Json::array({only_version(object)});
  patch.push_back(test(finalizers, held ? Json::array({our_finalizer}) : Json()));
  if (object.finalizer && !held) patch.push_back(replace(finalizers, Json::array({our_finalizer})));
  if (!object.finalizer && held) patch.push_back({{"op", "remove"}, {"path", finalizers}});
  // Whether its owner stands in an annotation cannot be told from here.
  if (!object.owner_uid.empty() && owner_name(object, spec).empty()) {
    const std::string path = std::string("/metadata/annotations/neonvm.dev~1owner-uid");
    patch.push_back(test(path.c_str(), object.owner_uid));
  }
  patch.push_back(replace("/metadata/labels", object.labels));
  patch.push_back(replace("/metadata/annotations", annotations_of(object, spec)));
  patch.push_back(replace("/spec", spec));
  return dump(patch);
}

std::string status_patch(const Object& object) {
  return dump(Json::array({only_version(object), replace("/status", tree(object.status))}));
}

Result<std::optional<std::string>> merge_into(std::string_view stored, const Object& object) {
  Json json = Json::parse(stored, nullptr, false);
  if (!json.is_object() || !json["metadata"].is_object()) return Error{Code::data_loss, object.name + ": the stored object is no object"};
  const Json before = json;
  const Json spec = tree(object.spec);
  Json& metadata = json["metadata"];
  metadata["resourceVersion"] = std::to_string(object.version);
  const auto set = [&metadata](const char* key, Json value) {
    if (value.empty()) metadata.erase(key);
    else metadata[key] = std::move(value);
  };
  set("annotations", annotations_over(metadata.value("annotations", Json()), object, spec));
  set("labels", object.labels);
  Json finalizers = metadata.value("finalizers", Json::array());
  const auto ours = std::find(finalizers.begin(), finalizers.end(), our_finalizer);
  if (object.finalizer && ours == finalizers.end()) finalizers.push_back(our_finalizer);
  if (!object.finalizer && ours != finalizers.end()) finalizers.erase(ours);
  set("finalizers", std::move(finalizers));
  json["spec"] = spec;
  if (json == before) return std::optional<std::string>{};
  return std::optional<std::string>{dump(json)};
}

}  // namespace neonvm::k8s
