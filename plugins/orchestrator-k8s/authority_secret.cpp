#include "plugins/orchestrator-k8s/authority_secret.hpp"

#include <utility>

#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"

namespace neonvm::k8s {
namespace {

constexpr Duration lifetime = std::chrono::hours(24 * 365 * 10);

}  // namespace

AuthoritySecret::AuthoritySecret(std::shared_ptr<ApiClient> client, std::string own_namespace, std::string name, std::string common_name)
    : client_(std::move(client)), ns_(std::move(own_namespace)), name_(std::move(name)), common_name_(std::move(common_name)) {}

Result<runtime::KeyPair> AuthoritySecret::read(Deadline deadline) {
  auto body = client_->call(read_request(ns_, name_), deadline);
  if (!body) return body.error();
  const Json secret = Json::parse(*body, nullptr, false);
  runtime::KeyPair pair{data_at(secret, "ca.key"), data_at(secret, "ca.crt")};
  if (!runtime::read_certificate(pair.certificate) || !runtime::belongs_to(pair.key, pair.certificate)) {
    return Error{Code::data_loss, "Secret " + ns_ + "/" + name_ +
                                      " holds no authority (ca.crt, ca.key); delete it and a new one is made, which VMs get as they start"};
  }
  return pair;
}

Result<runtime::KeyPair> AuthoritySecret::make(Deadline deadline) {
  auto made = runtime::make_authority(common_name_, wall_now(), lifetime);
  if (!made) return made;
  const Json secret = secret_of(ns_, name_, {{"ca.crt", made->certificate}, {"ca.key", made->key}});
  const auto written = client_->call({"create Secret " + ns_ + "/" + name_, "POST", secret_path(ns_, ""), dump(secret)}, deadline);
  if (written) return made;
  // Somebody was quicker: there is one authority.
  if (written.error().code == Code::already_exists) return read(deadline);
  return written.error();
}

Result<runtime::KeyPair> AuthoritySecret::get(Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (known_) return *known_;
  }
  auto found = read(deadline);
  if (!found && found.error().code == Code::not_found) found = make(deadline);
  if (!found) {
    const Code code = found.error().code;
    const bool no_place = code == Code::not_found || code == Code::permission_denied;
    return no_place ? Error{code, found.error().message + "; neonvm's own namespace and its rights come with: kubectl apply -k manifests/rbac"}
                    : found.error();
  }
  const std::lock_guard lock(mutex_);
  known_ = *found;
  return found;
}

}  // namespace neonvm::k8s
