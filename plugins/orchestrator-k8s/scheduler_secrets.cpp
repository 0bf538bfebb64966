#include "plugins/orchestrator-k8s/scheduler_secrets.hpp"

#include <utility>

#include "plugins/orchestrator-k8s/resources.hpp"
#include "plugins/orchestrator-k8s/secret_json.hpp"

namespace neonvm::k8s {
namespace {

constexpr Duration lifetime_here = std::chrono::hours(24 * 365);

std::string service_name(const std::string& ns) { return std::string(scheduler_secret) + "." + ns + ".svc"; }

bool is_good(const Json& secret, const runtime::KeyPair& authority) {
  const std::string certificate = data_at(secret, "tls.crt");
  const auto facts = runtime::read_certificate(certificate);
  return facts && !runtime::is_due(*facts, wall_now()) && data_at(secret, "ca.crt") == authority.certificate &&
         runtime::is_signed_by(certificate, authority.certificate) && runtime::belongs_to(data_at(secret, "tls.key"), certificate);
}

}  // namespace

// Empty: there is none.
Result<std::string> SchedulerSecrets::read(const std::string& name, Deadline deadline) {
  auto body = client_->call(read_request(ns_, name), deadline);
  if (!body && body.error().code == Code::not_found) return std::string();
  return body;
}

Status SchedulerSecrets::write(const std::string& name, const std::string& before, const runtime::KeyPair& authority, const std::string& token,
                               Deadline deadline) {
  runtime::CertificateWish wish;
  wish.common_name = name;
  wish.client = name == scheduler_client_secret;
  wish.server = !wish.client;
  wish.names = {wish.client ? name : service_name(ns_)};
  wish.lifetime = lifetime_here;
  const auto pair = runtime::issue(authority, wish, wall_now());
  if (!pair) return pair.error();
  Json secret = secret_of(ns_, name, {{"tls.crt", pair->certificate}, {"tls.key", pair->key}, {"ca.crt", authority.certificate}, {"token", token}});
  // Of two controllers that write at once, the second has a conflict, and reads what the first has written.
  if (!before.empty()) secret["metadata"]["resourceVersion"] = text_at(Json::parse(before, nullptr, false), "/metadata/resourceVersion");
  const auto written = client_->call({std::string(before.empty() ? "create" : "renew") + " Secret " + ns_ + "/" + name, before.empty() ? "POST" : "PUT",
                                      secret_path(ns_, before.empty() ? "" : name), dump(secret)}, deadline);
  return written ? Status{} : written.error();
}

// The scheduler's own first: by its token callers are known.
Status SchedulerSecrets::keep(const runtime::KeyPair& authority, Deadline deadline) {
  const auto own = read(scheduler_secret, deadline), clients = read(scheduler_client_secret, deadline);
  if (!own) return own.error();
  if (!clients) return clients.error();
  const Json before = Json::parse(*own, nullptr, false), theirs = Json::parse(*clients, nullptr, false);
  const std::string had = before.is_object() ? data_at(before, "token") : "";
  const auto token = had.empty() ? fresh_token() : Result<std::string>(had);
  if (!token) return token.error();
  if (had.empty() || !is_good(before, authority))
    if (Status written = write(scheduler_secret, *own, authority, *token, deadline); !written) return written;
  if (theirs.is_object() && data_at(theirs, "token") == *token && is_good(theirs, authority)) return {};
  return write(scheduler_client_secret, *clients, authority, *token, deadline);
}

Result<RunnerAccess> SchedulerSecrets::access(Deadline deadline) {
  const auto authority = secrets_.authority(deadline);
  if (authority) {
    if (Status kept = keep(*authority, deadline); !kept) {
      const bool raced = kept.error().code == Code::conflict || kept.error().code == Code::already_exists;
      if (!raced) return kept.error();
      if (Status again = keep(*authority, deadline); !again) return again.error();
    }
  } else if (authority.error().code != Code::permission_denied) {
    return authority.error();
  }
  const auto body = read(scheduler_client_secret, deadline);
  if (!body) return body.error();
  const Json secret = Json::parse(*body, nullptr, false);
  RunnerAccess access;
  if (secret.is_object()) access = {data_at(secret, "ca.crt"), service_name(ns_), data_at(secret, "token")};
  if (access.authority.empty() || access.token.empty())
    return Error{Code::not_found, "Secret " + ns_ + "/" + scheduler_client_secret +
                                      " is not there, or not whole: the control plane makes it when it is started with --scheduler"};
  return access;
}

}  // namespace neonvm::k8s
