#include "core/wire/admission_rules.hpp"

#include <algorithm>

#include "core/wire/model_json.hpp"
#include "core/wire/vm_tls.hpp"

namespace neonvm::wire {
namespace {

struct KeptField {
  const char* key;
  Json missing;  // what its absence means
};

// Of spec, beside what forbidden_changes() knows: no part of VmSpec, because only a cluster acts on them.
const std::vector<KeptField>& fixed_fields() {
  static const std::vector<KeptField> fields = {
      {"podResources", nullptr}, {"initScript", ""}, {"enableNetworkMonitoring", false}};
  return fields;
}

std::map<std::string, std::string> texts(const Json& json) {
  std::map<std::string, std::string> found;
  if (!json.is_object()) return found;
  for (const auto& [key, value] : json.items())
    if (value.is_string()) found[key] = value.get<std::string>();
  return found;
}

// Only what a VmSpec is read from: metadata is the API server's own and may hold what we do not know.
Object vm_of(const Json& json) {
  Object object;
  const Json& metadata = part(json, "metadata");
  object.labels = texts(part(metadata, "labels"));
  object.annotations = texts(part(metadata, "annotations"));
  object.spec = dump_json(part(json, "spec"));
  return object;
}

FaultLines lines_of(const std::string& text) {
  FaultLines lines;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (end > from) lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

Json value_or(const Json& spec, const KeptField& field) {
  const Json& found = part(spec, field.key);
  return found.is_null() ? field.missing : found;
}

}  // namespace

const Json& part(const Json& object, const char* key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

FaultLines faults_of_vm(const Json& object) {
  const auto spec = decode_vm_spec(vm_of(object));
  if (!spec) return lines_of(spec.error().message);
  FaultLines lines = violations(*spec);
  if (const auto tls = read_tls_wish(dump_json(part(object, "spec"))); !tls) {
    for (std::string& line : lines_of(tls.error().message)) lines.push_back(std::move(line));
  }
  return lines;
}

FaultLines frozen_in_vm(const Json& before, const Json& after) {
  FaultLines lines;
  const auto was = decode_vm_spec(vm_of(before));
  const auto is = decode_vm_spec(vm_of(after));
  if (was && is) lines = forbidden_changes(*was, *is);
  const Json& old_spec = part(before, "spec");
  const Json& new_spec = part(after, "spec");
  for (const KeptField& field : fixed_fields()) {
    if (value_or(old_spec, field) == value_or(new_spec, field)) continue;
    lines.push_back(std::string("spec.") + field.key + ": is fixed once the VM exists; keep it, or delete the VM and make it anew");
  }
  const Json& architecture = part(old_spec, "targetArchitecture");
  if (!architecture.is_null() && architecture != part(new_spec, "targetArchitecture"))
    lines.push_back("spec.targetArchitecture: cannot change once it is set; keep " + shown(architecture));
  return lines;
}

// A wish to cancel may come at any time, and cannot be taken back: the copy may be undone already.
FaultLines frozen_in_migration(const Json& before, const Json& after) {
  Json was = part(before, "spec"), is = part(after, "spec");
  const bool cancelled = part(was, "cancel") == true, cancels = part(is, "cancel") == true;
  for (Json* spec : {&was, &is})
    if (spec->is_object()) spec->erase("cancel");
  if (was != is) return {"spec: a migration is fixed once it exists, but for cancel; delete it and make a new one"};
  if (cancelled && !cancels) return {"spec.cancel: cannot be taken back; make a new migration"};
  return {};
}

FaultLines idle_fields_of_vm(const Json& object) {
  FaultLines lines;
  const Json& spec = part(object, "spec");
  if (!part(part(part(spec, "guest"), "rootDisk"), "execute").is_null())
    lines.emplace_back("spec.guest.rootDisk.execute: nothing reads it; use spec.guest.command");
  for (const auto& [key, usual] : {std::pair{"qmp", 20183}, {"qmpManual", 20184}}) {
    const Json& port = part(spec, key);
    if (!port.is_null() && port != usual)
      lines.push_back(std::string("spec.") + key + ": is not listened on: QMP is on no network here");
  }
  return lines;
}

}  // namespace neonvm::wire
