// runner_detour: the way to a runner's pod through the API server, for those who cannot reach pods' addresses.
//
// The server hands calls and WebSockets on to a pod (its subresource "proxy": the caller needs the verbs get and create on
// pods/proxy). It takes the header Authorization for itself, and does not check the pod's certificate.
// Any thread. Failure: as ApiClient::way(); permission_denied: a file of the kubeconfig cannot be read.
#pragma once

#include <string>

#include "core/model/node.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"

namespace neonvm::k8s {

Result<RunnerProxy> runner_detour(ApiClient& client, const std::string& ns, const std::string& pod, std::uint16_t port, Deadline deadline);

}  // namespace neonvm::k8s
