// exec_credential: runs the program that a kubeconfig names, and reads the ExecCredential that it prints.
//
// parse_exec_credential is pure. run_exec_plugin blocks until the program ends or the deadline, when it is killed.
// The program gets no terminal. Failure: permission_denied with the place in the kubeconfig, how the program ended
// and the end of what it said on standard error; never what it printed.
#pragma once

#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "plugins/orchestrator-k8s/access.hpp"

namespace neonvm::k8s {

struct ExecCredential {
  std::string token, certificate_pem, key_pem;
  std::optional<WallTime> expires;
};

Result<ExecCredential> parse_exec_credential(const ExecPlugin& plugin, std::string_view json);
Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const Access& access, Deadline deadline);

}  // namespace neonvm::k8s
