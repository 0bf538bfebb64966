#include "plugins/orchestrator-k8s/ssh_secret.hpp"

#include "core/runtime/ssh_key.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"

namespace neonvm::k8s {
namespace {

Result<std::string> fresh_secret(const std::string& ns, const std::string& vm, const std::string& vm_uid) {
  const auto pair = runtime::make_ssh_key("neonvm-" + ns + "/" + vm);
  if (!pair) return pair.error();
  Json secret = secret_of(ns, ssh_secret_name(vm), {{ssh_private_key, pair->private_key}, {ssh_public_key, pair->public_key}}, "kubernetes.io/ssh-auth");
  secret["immutable"] = true;
  give_to_vm(secret, vm, vm_uid);
  return dump(secret);
}

}  // namespace

std::string ssh_secret_name(const std::string& vm) { return "ssh-neonvm-" + vm; }

bool wants_ssh(const Json& vm_spec) {
  return vm_spec.is_object() && vm_spec.value("enableSSH", Json()) != false && !text_at(vm_spec, "/guest/rootDisk/image").empty();
}

Status ensure_ssh_secret(ApiClient& client, const std::string& ns, const std::string& vm, const std::string& vm_uid, bool first, Deadline deadline) {
  const std::string name = ssh_secret_name(vm);
  const auto make = [&]() -> Status {
    const auto secret = fresh_secret(ns, vm, vm_uid);
    if (!secret) return secret.error();
    const auto made = client.call({"create Secret " + ns + "/" + name, "POST", secret_path(ns, ""), *secret}, deadline);
    return made ? Status{} : Status(explained(made.error(), ns));
  };
  if (first) {
    const Status made = make();
    if (made || made.error().code != Code::already_exists) return made;
  }
  const auto there = client.call(read_request(ns, name), deadline);
  if (!there && there.error().code != Code::not_found) return explained(there.error(), ns);
  if (!there) return make();
  const Json secret = Json::parse(*there, nullptr, false);
  const Controller owner = controller_of(secret);
  if (owner.uid == vm_uid || owner.uid.empty()) {
    if (!data_at(secret, ssh_public_key).empty()) return {};
    return Error{Code::invalid_argument, "Secret " + ns + "/" + name + " has no " + ssh_public_key + "; delete it and one is made, or set spec.enableSSH to false"};
  }
  if (owner.kind != "VirtualMachine")
    return Error{Code::invalid_argument, "Secret " + ns + "/" + name + " belongs to something else; delete it, or set spec.enableSSH to false"};
  if (Status removed = remove_secret(client, ns, name, text_at(secret, "/metadata/uid"), deadline); !removed) return removed;
  return make();
}

}  // namespace neonvm::k8s
