#include "plugins/orchestrator-k8s/secret_json.hpp"

#include <sys/random.h>

#include <array>

#include "core/wire/base64.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* uid_annotation = "neonvm.dev/vm-uid";
constexpr const char* uid_pointer = "/metadata/annotations/neonvm.dev~1vm-uid";

}  // namespace

WallTime wall_now() { return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()); }

Result<std::string> fresh_token() {
  std::array<unsigned char, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return Error{Code::internal, "the system gives no random bytes"};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::string data_at(const Json& secret, const std::string& key) {
  return wire::from_base64(text_at(secret, "/data/" + key)).value_or("");
}

Json secret_of(const std::string& ns, const std::string& name, const std::map<std::string, std::string>& texts, const char* type) {
  Json data = Json::object();
  for (const auto& [key, text] : texts) data[key] = wire::to_base64(text);
  return {{"apiVersion", "v1"}, {"kind", "Secret"}, {"type", type}, {"metadata", {{"name", name}, {"namespace", ns}}}, {"data", data}};
}

void give_to_vm(Json& secret, const std::string& vm, const std::string& vm_uid) {
  secret["metadata"]["annotations"][uid_annotation] = vm_uid;
  secret["metadata"]["labels"][vm_name_label] = vm;
  secret["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "vm.neon.tech/v1"}, {"kind", "VirtualMachine"}, {"name", vm}, {"uid", vm_uid}, {"controller", true}, {"blockOwnerDeletion", true}}});
}

bool belongs_to_vm(const Json& secret, const std::string& vm_uid) { return text_at(secret, uid_pointer) == vm_uid; }

Controller controller_of(const Json& object) {
  const Json::json_pointer at("/metadata/ownerReferences");
  if (!object.contains(at) || !object.at(at).is_array()) return {};
  for (const Json& owner : object.at(at)) {
    if (owner.is_object() && owner.value("controller", Json()) == true) return {text_at(owner, "/kind"), text_at(owner, "/uid")};
  }
  return {};
}

Error explained(const Error& error, const std::string& ns) {
  if (error.code != Code::permission_denied) return error;
  return {error.code, error.message + "; the right to it comes with: kubectl apply -n " + ns + " -k manifests/namespace"};
}

ApiRequest read_request(const std::string& ns, const std::string& name) {
  ApiRequest request;
  request.what = "get Secret " + ns + "/" + name;
  request.target = secret_path(ns, name);
  return request;
}

Status remove_secret(ApiClient& client, const std::string& ns, const std::string& name, const std::string& secret_uid, Deadline deadline) {
  const Json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", secret_uid}}}};
  const auto gone = client.call({"delete Secret " + ns + "/" + name, "DELETE", secret_path(ns, name), dump(options)}, deadline);
  return gone || gone.error().code == Code::not_found ? Status{} : explained(gone.error(), ns);
}

Status remove_secret_of(ApiClient& client, const std::string& ns, const std::string& name, const std::string& vm_uid, Deadline deadline) {
  const auto there = client.call(read_request(ns, name), deadline);
  if (!there) return there.error().code == Code::not_found ? Status{} : explained(there.error(), ns);
  const Json secret = Json::parse(*there, nullptr, false);
  if (vm_uid.empty() || controller_of(secret).uid != vm_uid) return {};
  return remove_secret(client, ns, name, text_at(secret, "/metadata/uid"), deadline);
}

}  // namespace neonvm::k8s
