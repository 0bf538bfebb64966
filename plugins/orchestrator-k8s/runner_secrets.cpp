#include "plugins/orchestrator-k8s/runner_secrets.hpp"

#include <utility>

#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* authority_name = "neonvm-authority";
constexpr const char* uid_annotation = "neonvm.dev/vm-uid";
constexpr Duration authority_lifetime = std::chrono::hours(24 * 365 * 10);
constexpr Duration certificate_lifetime = std::chrono::hours(24 * 365);

Error explained(const Error& error, const std::string& ns) {
  if (error.code != Code::permission_denied) return error;
  return {error.code, error.message + "; the right to it comes with: kubectl apply -n " + ns + " -k manifests/namespace"};
}

bool is_good(const Json& secret, const std::string& vm_uid, const runtime::KeyPair& authority) {
  const std::string certificate = data_at(secret, "tls.crt");
  const auto facts = runtime::read_certificate(certificate);
  return text_at(secret, std::string("/metadata/annotations/neonvm.dev~1vm-uid")) == vm_uid && facts && !runtime::is_due(*facts, wall_now()) &&
         runtime::is_signed_by(certificate, authority.certificate) && runtime::belongs_to(data_at(secret, "tls.key"), certificate) &&
         !data_at(secret, "token").empty();
}

// before: what it takes the place of, if anything.
Result<Json> runner_secret(const std::string& ns, const std::string& vm, const std::string& vm_uid, const runtime::KeyPair& ca, const Json& before) {
  runtime::CertificateWish wish;
  wish.common_name = vm_uid;
  wish.names = {runner_server_name(vm_uid)};
  wish.client = true;  // of the runner that a VM leaves, towards the one it comes to
  wish.lifetime = certificate_lifetime;
  const auto pair = runtime::issue(ca, wish, wall_now());
  if (!pair) return pair.error();
  // The VM's own token stays: its runners and those who speak to them know it.
  const bool same_vm = text_at(before, std::string("/metadata/annotations/neonvm.dev~1vm-uid")) == vm_uid;
  const auto token = same_vm && !data_at(before, "token").empty() ? Result<std::string>(data_at(before, "token")) : fresh_token();
  if (!token) return token.error();
  Json secret = secret_of(ns, runner_secret_name(vm), {{"tls.crt", pair->certificate}, {"tls.key", pair->key}, {"ca.crt", ca.certificate}, {"token", *token}});
  secret["metadata"]["annotations"] = {{uid_annotation, vm_uid}};
  secret["metadata"]["labels"] = {{vm_name_label, vm}};
  secret["metadata"]["ownerReferences"] = Json::array(
      {{{"apiVersion", "vm.neon.tech/v1"}, {"kind", "VirtualMachine"}, {"name", vm}, {"uid", vm_uid}, {"controller", true}}});
  if (!before.is_null()) secret["metadata"]["resourceVersion"] = text_at(before, "/metadata/resourceVersion");
  return secret;
}

}  // namespace

std::string runner_secret_name(const std::string& vm) { return "runner-neonvm-" + vm; }
std::string runner_server_name(const std::string& vm_uid) { return vm_uid + ".runner.neonvm.dev"; }

RunnerSecrets::RunnerSecrets(std::shared_ptr<ApiClient> client, std::string own_namespace)
    : client_(std::move(client)), own_namespace_(std::move(own_namespace)) {}

Result<runtime::KeyPair> RunnerSecrets::read_authority(Deadline deadline) {
  auto body = client_->call(read_request(own_namespace_, authority_name), deadline);
  if (!body) return body.error();
  const Json secret = Json::parse(*body, nullptr, false);
  runtime::KeyPair pair{data_at(secret, "ca.key"), data_at(secret, "ca.crt")};
  if (!runtime::read_certificate(pair.certificate) || !runtime::belongs_to(pair.key, pair.certificate)) {
    return Error{Code::data_loss, "Secret " + own_namespace_ + "/" + authority_name +
                                      " holds no authority (ca.crt, ca.key); delete it and a new one is made, which VMs get as they start"};
  }
  return pair;
}

Result<runtime::KeyPair> RunnerSecrets::make_authority(Deadline deadline) {
  auto made = runtime::make_authority(authority_common_name, wall_now(), authority_lifetime);
  if (!made) return made;
  const Json secret = secret_of(own_namespace_, authority_name, {{"ca.crt", made->certificate}, {"ca.key", made->key}});
  const auto written = client_->call({"create Secret " + own_namespace_ + "/" + authority_name, "POST", secret_path(own_namespace_, ""),
                                      dump(secret)}, deadline);
  if (written) return made;
  // Somebody was quicker: there is one authority.
  if (written.error().code == Code::already_exists) return read_authority(deadline);
  return written.error();
}

Result<runtime::KeyPair> RunnerSecrets::authority(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (authority_) return *authority_;
  }
  auto found = read_authority(deadline);
  if (!found && found.error().code == Code::not_found) found = make_authority(deadline);
  if (!found) {
    const Code code = found.error().code;
    const bool no_place = code == Code::not_found || code == Code::permission_denied;
    return no_place ? Error{code, found.error().message + "; neonvm's own namespace and its rights come with: kubectl apply -k manifests/rbac"}
                    : found.error();
  }
  const std::lock_guard lock(mutex_);
  authority_ = *found;
  return found;
}

Status RunnerSecrets::ensure(const std::string& ns, const std::string& vm, const std::string& vm_uid, bool first, Deadline deadline) {
  const auto ca = authority(deadline);
  if (!ca) return ca.error();
  const std::string name = runner_secret_name(vm);
  const auto write = [&](const Json& before) -> Status {
    const auto secret = runner_secret(ns, vm, vm_uid, *ca, before);
    if (!secret) return secret.error();
    const bool there = !before.is_null();
    const auto written = client_->call({std::string(there ? "renew" : "create") + " Secret " + ns + "/" + name, there ? "PUT" : "POST",
                                        secret_path(ns, there ? name : ""), dump(*secret)}, deadline);
    return written ? Status{} : Status(explained(written.error(), ns));
  };
  if (first) {
    const Status made = write(Json());
    if (made || made.error().code != Code::already_exists) return made;
  }
  const auto there = client_->call(read_request(ns, name), deadline);
  if (!there && there.error().code != Code::not_found) return explained(there.error(), ns);
  const Json before = there ? Json::parse(*there, nullptr, false) : Json();
  if (there && is_good(before, vm_uid, *ca)) return {};
  return write(before);
}

Result<RunnerAccess> RunnerSecrets::access(const std::string& ns, const std::string& vm, Deadline deadline) {
  const auto body = client_->call(read_request(ns, runner_secret_name(vm)), deadline);
  if (!body) return explained(body.error(), ns);
  const Json secret = Json::parse(*body, nullptr, false);
  RunnerAccess access;
  access.authority = data_at(secret, "ca.crt");
  access.server_name = runner_server_name(text_at(secret, "/metadata/annotations/neonvm.dev~1vm-uid"));
  access.token = data_at(secret, "token");
  if (access.authority.empty() || access.token.empty())
    return Error{Code::data_loss, "Secret " + ns + "/" + runner_secret_name(vm) + " is not whole; it is made anew when the VM starts"};
  return access;
}

}  // namespace neonvm::k8s
