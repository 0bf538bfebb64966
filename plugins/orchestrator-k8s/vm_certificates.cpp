#include "plugins/orchestrator-k8s/vm_certificates.hpp"

#include <utility>

#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"

namespace neonvm::k8s {
namespace {

constexpr const char* wish_annotation = "neonvm.dev/certificate";

// An issuer may give less time than was asked for: then a third of what it gave is left.
WallTime due_at(const runtime::CertificateFacts& facts, const wire::TlsWish& wish) {
  const auto life = facts.not_after - facts.not_before;
  const auto before = std::chrono::duration_cast<std::chrono::milliseconds>(wish.renew_before);
  return facts.not_after - (before < life ? before : life / 3);
}

// Of one that may stay.
std::optional<WallTime> good_until(const Json& secret, const VmName& vm, const wire::TlsWish& wish) {
  const std::string certificate = data_at(secret, "tls.crt");
  const auto facts = runtime::read_certificate(certificate);
  if (!facts || text_at(secret, "/metadata/annotations/neonvm.dev~1certificate") != meaning_of(vm, wish)) return std::nullopt;
  if (!belongs_to_vm(secret, vm.uid) || !runtime::belongs_to(data_at(secret, "tls.key"), certificate)) return std::nullopt;
  const WallTime due = due_at(*facts, wish);
  return wall_now() < due && wall_now() >= facts->not_before ? std::optional(due) : std::nullopt;
}

}  // namespace

std::string tls_secret_name(const std::string& vm) { return "tls-neonvm-" + vm; }

VmCertificates::VmCertificates(std::shared_ptr<ApiClient> client, std::string own_namespace)
    : client_(std::move(client)), authority_(client_, std::move(own_namespace), "neonvm-guest-authority", "neonvm-guests"), requests_(client_) {}

Result<Issued> VmCertificates::issue(const VmName& vm, const wire::TlsWish& wish, Deadline deadline) {
  if (!wish.issuer.empty()) return requests_.obtain(vm, wish, deadline);
  const auto authority = authority_.get(deadline);
  if (!authority) return authority.error();
  const auto pair = runtime::issue(*authority, certificate_wish(vm, wish), wall_now());
  if (!pair) return pair.error();
  return Issued{pair->key, pair->certificate, authority->certificate};
}

Result<WallTime> VmCertificates::ensure(const VmName& vm, const wire::TlsWish& wish, Deadline deadline) {
  const std::string name = tls_secret_name(vm.name);
  const auto there = client_->call(read_request(vm.ns, name), deadline);
  if (!there && there.error().code != Code::not_found) return explained(there.error(), vm.ns);
  const Json before = there ? Json::parse(*there, nullptr, false) : Json();
  if (const auto due = good_until(before, vm, wish)) return *due;
  const Controller owner = controller_of(before);
  if (there && owner.kind != "VirtualMachine")
    return Error{Code::invalid_argument, "Secret " + vm.ns + "/" + name + " is not neonvm's, and spec.tls needs its name; give it another one"};
  const auto issued = issue(vm, wish, deadline);
  if (!issued) return issued.error();
  const auto facts = runtime::read_certificate(issued->certificate);
  if (!facts) return facts.error();
  Json secret = secret_of(vm.ns, name, {{"tls.crt", issued->certificate}, {"tls.key", issued->key}, {"ca.crt", issued->authority}}, "kubernetes.io/tls");
  give_to_vm(secret, vm.name, vm.uid);
  secret["metadata"]["annotations"][wish_annotation] = meaning_of(vm, wish);
  if (there) secret["metadata"]["resourceVersion"] = text_at(before, "/metadata/resourceVersion");
  const auto written = client_->call({std::string(there ? "renew" : "create") + " Secret " + vm.ns + "/" + name, there ? "PUT" : "POST",
                                      secret_path(vm.ns, there ? name : ""), dump(secret)}, deadline);
  if (!written) return explained(written.error(), vm.ns);
  if (!wish.issuer.empty()) {
    // What is left of it would be found by the next renewal, which asks for the same and would take the old answer for the new one.
    if (Status cleaned = requests_.clean_up(vm, deadline); !cleaned) return cleaned.error();
  }
  return due_at(*facts, wish);
}

}  // namespace neonvm::k8s
