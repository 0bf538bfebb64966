#include "plugins/orchestrator-k8s/runner_secrets.hpp"

#include <utility>

#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"

namespace neonvm::k8s {
namespace {

constexpr Duration certificate_lifetime = std::chrono::hours(24 * 365);

WallTime due_of(const runtime::CertificateFacts& facts) { return facts.not_before + (facts.not_after - facts.not_before) * 2 / 3; }

bool is_good(const Json& secret, const std::string& vm_uid, const runtime::KeyPair& authority) {
  const std::string certificate = data_at(secret, "tls.crt");
  const auto facts = runtime::read_certificate(certificate);
  return belongs_to_vm(secret, vm_uid) && facts && !runtime::is_due(*facts, wall_now()) &&
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
  const bool same_vm = belongs_to_vm(before, vm_uid);
  const auto token = same_vm && !data_at(before, "token").empty() ? Result<std::string>(data_at(before, "token")) : fresh_token();
  if (!token) return token.error();
  Json secret = secret_of(ns, runner_secret_name(vm), {{"tls.crt", pair->certificate}, {"tls.key", pair->key}, {"ca.crt", ca.certificate}, {"token", *token}});
  give_to_vm(secret, vm, vm_uid);
  if (!before.is_null()) secret["metadata"]["resourceVersion"] = text_at(before, "/metadata/resourceVersion");
  return secret;
}

}  // namespace

std::string runner_secret_name(const std::string& vm) { return "runner-neonvm-" + vm; }
std::string runner_server_name(const std::string& vm_uid) { return vm_uid + ".runner.neonvm.dev"; }

RunnerSecrets::RunnerSecrets(std::shared_ptr<ApiClient> client, std::string own_namespace)
    : client_(std::move(client)), authority_(client_, std::move(own_namespace), "neonvm-authority", authority_common_name) {}

Result<WallTime> RunnerSecrets::ensure(const std::string& ns, const std::string& vm, const std::string& vm_uid, bool first, Deadline deadline) {
  const auto ca = authority_.get(deadline);
  if (!ca) return ca.error();
  const std::string name = runner_secret_name(vm);
  const auto write = [&](const Json& before) -> Result<WallTime> {
    const auto secret = runner_secret(ns, vm, vm_uid, *ca, before);
    if (!secret) return secret.error();
    const bool there = !before.is_null();
    const auto written = client_->call({std::string(there ? "renew" : "create") + " Secret " + ns + "/" + name, there ? "PUT" : "POST",
                                        secret_path(ns, there ? name : ""), dump(*secret)}, deadline);
    if (!written) return explained(written.error(), ns);
    return not_due_before(wall_now());
  };
  if (first) {
    const auto made = write(Json());
    if (made || made.error().code != Code::already_exists) return made;
  }
  const auto there = client_->call(read_request(ns, name), deadline);
  if (!there && there.error().code != Code::not_found) return explained(there.error(), ns);
  const Json before = there ? Json::parse(*there, nullptr, false) : Json();
  if (there && is_good(before, vm_uid, *ca)) return due_of(*runtime::read_certificate(data_at(before, "tls.crt")));
  return write(before);
}

WallTime RunnerSecrets::not_due_before(WallTime made) {
  return made + std::chrono::duration_cast<std::chrono::milliseconds>(certificate_lifetime * 2 / 3 - std::chrono::hours(1));
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
