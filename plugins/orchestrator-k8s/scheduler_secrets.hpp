// SchedulerSecrets: what lets `neonvm scheduler` and those who ask it know each other: two Secrets in neonvm's own namespace.
//
// "neonvm-scheduler" is the scheduler's own, mounted into its pods: tls.crt, tls.key, ca.crt, and the token that callers show.
// "neonvm-scheduler-client" is for callers: ca.crt and token; tls.crt and tls.key, by which a kube-scheduler shows that it is one. Both are
// made and renewed by whoever may read the authority (runner_secrets.hpp), which is the controller; the scheduler may not, so one that
// is broken into cannot pass for a runner. Any thread; every call keeps to its deadline. Failure: permission_denied and not_found name
// the manifest; messages never hold a secret.
#pragma once

#include <memory>
#include <string>

#include "plugins/orchestrator-k8s/runner_secrets.hpp"

namespace neonvm::k8s {

constexpr const char* scheduler_secret = "neonvm-scheduler";
constexpr const char* scheduler_client_secret = "neonvm-scheduler-client";

class SchedulerSecrets {
 public:
  // secrets: of whom the authority is had; outlives this.
  SchedulerSecrets(std::shared_ptr<ApiClient> client, RunnerSecrets& secrets, std::string own_namespace)
      : client_(std::move(client)), secrets_(secrets), ns_(std::move(own_namespace)) {}

  // What a caller needs. Whoever may read the authority makes and renews both Secrets first.
  Result<RunnerAccess> access(Deadline deadline);

 private:
  Result<std::string> read(const std::string& name, Deadline deadline);
  Status keep(const runtime::KeyPair& authority, Deadline deadline);
  Status write(const std::string& name, const std::string& before, const runtime::KeyPair& authority, const std::string& token, Deadline deadline);

  const std::shared_ptr<ApiClient> client_;
  RunnerSecrets& secrets_;
  const std::string ns_;
};

}  // namespace neonvm::k8s
