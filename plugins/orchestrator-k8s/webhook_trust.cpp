#include "plugins/orchestrator-k8s/webhook_trust.hpp"

#include "core/runtime/certificates.hpp"
#include "core/wire/base64.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"
#include "plugins/orchestrator-k8s/runner_secrets.hpp"

namespace neonvm::k8s {
namespace {

constexpr int most_tries = 5;  // against others who write the same configuration

bool is_somebody_elses(const std::string& bundle) {
  if (bundle.empty() || bundle == "\n") return false;  // a blank is what manifests have where something must stand
  const auto facts = runtime::read_certificate(bundle);
  return !facts || facts->common_name != authority_common_name;
}

Status trust_in(ApiClient& client, const std::string& kind, const std::string& authority, Deadline deadline) {
  const std::string target = "/apis/admissionregistration.k8s.io/v1/" + kind + "/neonvm";
  for (int tries = 0;; ++tries) {
    ApiRequest read;
    read.what = "get " + kind + " neonvm";
    read.target = target;
    const auto stored = client.call(read, deadline);
    if (!stored) return stored.error().code == Code::not_found ? Status{} : stored.error();
    const auto changed = with_authority(*stored, authority);
    if (!changed) return changed.error().at(read.what);
    if (!*changed) return {};
    const auto written = client.call({"write the authority into " + kind + " neonvm", "PUT", target, **changed}, deadline);
    if (written) return {};
    if (written.error().code != Code::conflict || tries == most_tries) return written.error();
  }
}

}  // namespace

Result<std::optional<std::string>> with_authority(std::string_view configuration, const std::string& authority_pem) {
  Json json = Json::parse(configuration, nullptr, false);
  const auto webhooks = json.is_object() ? json.find("webhooks") : json.end();
  if (!json.is_object() || webhooks == json.end() || !webhooks->is_array()) return Error{Code::data_loss, "is no webhook configuration"};
  bool changed = false;
  for (Json& webhook : *webhooks) {
    const std::string before = wire::from_base64(text_at(webhook, "/clientConfig/caBundle")).value_or("");
    if (before == authority_pem || is_somebody_elses(before) || !webhook["clientConfig"].is_object()) continue;
    webhook["clientConfig"]["caBundle"] = wire::to_base64(authority_pem);
    changed = true;
  }
  return changed ? std::optional(dump(json)) : std::optional<std::string>();
}

Status trust_webhooks(ApiClient& client, const std::string& authority_pem, Deadline deadline) {
  for (const char* kind : {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}) {
    if (Status told = trust_in(client, kind, authority_pem, deadline); !told) return told;
  }
  return {};
}

}  // namespace neonvm::k8s
