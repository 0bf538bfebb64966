// webhook_trust: tells the API server by which authority our webhooks' certificates are signed.
//
// It stands as caBundle in the two configurations called "neonvm", which are applied with the manifests. A caBundle that somebody
// else wrote (cert-manager) is left alone; configurations that are not there are no failure: there are no webhooks then.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"

namespace neonvm::k8s {

// `configuration` with the authority in it, nothing when that changes nothing. Pure.
Result<std::optional<std::string>> with_authority(std::string_view configuration, const std::string& authority_pem);

Status trust_webhooks(ApiClient& client, const std::string& authority_pem, Deadline deadline);

}  // namespace neonvm::k8s
