#include "core/wire/admission.hpp"

#include <algorithm>

#include "core/model/finalizer.hpp"
#include "core/model/resources.hpp"
#include "core/wire/admission_rules.hpp"
#include "core/wire/base64.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

constexpr const char* review_version = "admission.k8s.io/v1";
// With "Invalid" instead, kubectl shows nothing but causes, each of one field; ours name their fields themselves.
constexpr int forbidden = 403;

AdmissionOperation operation_of(const std::string& word) {
  if (word == "CREATE") return AdmissionOperation::create;
  if (word == "UPDATE") return AdmissionOperation::update;
  if (word == "DELETE") return AdmissionOperation::remove;
  return AdmissionOperation::other;
}

std::string text_of(const Json& json) { return json.is_null() ? std::string() : dump_json(json); }

Json tree_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  auto json = parse_json(text);
  return json ? std::move(*json) : Json(nullptr);
}

std::string joined(const FaultLines& lines) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "; ") + line;
  return text;
}

bool is_deleting(const Json& object) { return !part(part(object, "metadata"), "deletionTimestamp").is_null(); }

// Whatever its rules say, an update that leaves alone what they are about is none of their business.
bool touches_nothing(const Json& before, const Json& after) {
  const Json& was = part(before, "metadata");
  const Json& is = part(after, "metadata");
  return part(before, "spec") == part(after, "spec") && part(was, "labels") == part(is, "labels") &&
         part(was, "annotations") == part(is, "annotations");
}

FaultLines new_faults(const Json& before, const Json& after) {
  const FaultLines old = faults_of_vm(before);
  FaultLines lines = faults_of_vm(after);
  std::erase_if(lines, [&old](const std::string& line) { return std::find(old.begin(), old.end(), line) != old.end(); });
  return lines;
}

FaultLines faults_of_update(const std::string& kind, const Json& before, const Json& after) {
  if (is_deleting(after) || touches_nothing(before, after)) return {};
  if (kind == "VirtualMachineMigration") return frozen_in_migration(before, after);
  FaultLines lines = frozen_in_vm(before, after);
  for (std::string& line : new_faults(before, after)) lines.push_back(std::move(line));
  return lines;
}

FaultLines faults_of_create(const std::string& kind, const Json& object) {
  return kind == "VirtualMachine" ? faults_of_vm(object) : FaultLines{};
}

// Adding to a list that is not there is refused, so it matters what is there.
void hold(const Json& object, Json& patch) {
  const Json& metadata = part(object, "metadata");
  if (!metadata.is_object()) return;
  const Json& finalizers = part(metadata, "finalizers");
  if (finalizers.is_null()) {
    patch.push_back({{"op", "add"}, {"path", "/metadata/finalizers"}, {"value", Json::array({our_finalizer})}});
  } else if (finalizers.is_array() && std::find(finalizers.begin(), finalizers.end(), our_finalizer) == finalizers.end()) {
    patch.push_back({{"op", "add"}, {"path", "/metadata/finalizers/-"}, {"value", our_finalizer}});
  }
}

}  // namespace

Result<AdmissionRequest> decode_admission_review(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  if (part(*json, "apiVersion") != review_version || part(*json, "kind") != "AdmissionReview")
    return Error{Code::invalid_argument, std::string("this is no AdmissionReview of ") + review_version};
  const Json& request = part(*json, "request");
  if (!request.is_object()) return Error{Code::invalid_argument, "request: is missing"};
  Faults faults;
  AdmissionRequest read;
  std::string operation;
  Reader reader(request, "request", faults, Keys::lenient);
  reader.need("uid", read.uid);
  reader.need("operation", operation);
  reader.field("namespace", read.ns);
  reader.field("name", read.name);
  reader.need_group("kind", [&read](Reader& kind) { kind.need("kind", read.kind); });
  if (!faults.none()) return faults.error();
  read.operation = operation_of(operation);
  read.object = text_of(part(request, "object"));
  read.old_object = text_of(part(request, "oldObject"));
  return read;
}

std::string encode_admission_review(const std::string& uid, const AdmissionAnswer& answer) {
  Json response = {{"uid", uid}, {"allowed", answer.allowed}};
  if (!answer.allowed)
    response["status"] = {{"message", answer.why}, {"code", forbidden}, {"reason", "Forbidden"}, {"status", "Failure"}};
  if (!answer.warnings.empty()) response["warnings"] = answer.warnings;
  if (!answer.patch.empty()) {
    response["patchType"] = "JSONPatch";
    response["patch"] = to_base64(answer.patch);
  }
  return dump_json({{"apiVersion", review_version}, {"kind", "AdmissionReview"}, {"response", std::move(response)}});
}

AdmissionAnswer mutate(const AdmissionRequest& request) {
  AdmissionAnswer answer;
  const bool writes = request.operation == AdmissionOperation::create || request.operation == AdmissionOperation::update;
  if (request.kind != "VirtualMachine" || !writes) return answer;
  const Json object = tree_or_null(request.object);
  const Json& cpus = part(part(part(object, "spec"), "guest"), "cpus");
  Json patch = Json::array();
  for (const char* key : {"min", "use", "max"}) {
    const Json& number = part(cpus, key);
    if (!number.is_number_float()) continue;
    MilliCpu cpu;
    Faults faults;
    read_value(number, key, faults, cpu);
    if (!faults.none()) continue;  // for the schema to refuse
    patch.push_back({{"op", "replace"}, {"path", std::string("/spec/guest/cpus/") + key}, {"value", json_of(cpu)}});
  }
  if (request.operation == AdmissionOperation::create) hold(object, patch);
  if (!patch.empty()) answer.patch = dump_json(patch);
  return answer;
}

AdmissionAnswer validate(const AdmissionRequest& request, const std::set<std::string>& unchecked) {
  AdmissionAnswer answer;
  const bool creates = request.operation == AdmissionOperation::create;
  if (!creates && request.operation != AdmissionOperation::update) return answer;
  const Json after = tree_or_null(request.object);
  const Json before = tree_or_null(request.old_object);
  const FaultLines faults = creates ? faults_of_create(request.kind, after) : faults_of_update(request.kind, before, after);
  if (request.kind == "VirtualMachine" && !(!creates && touches_nothing(before, after))) answer.warnings = idle_fields_of_vm(after);
  answer.why = joined(faults);
  if (faults.empty()) return answer;
  const bool let_through = !creates && unchecked.count(request.ns + "/" + request.name) != 0;
  answer.allowed = let_through;
  if (let_through) answer.warnings.push_back("not checked, because the controller was told so: " + answer.why);
  return answer;
}

}  // namespace neonvm::wire
