// Credentials: what a request says of who asks, kept fresh.
//
// Token files are read when they have changed; a program of the kubeconfig is asked again shortly before what it gave
// expires, or when the server refused it. Any thread; callers wait for one run of the program together. Failure:
// permission_denied with the file or the place in the kubeconfig. Nothing here is ever printed.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "plugins/orchestrator-k8s/access.hpp"
#include "plugins/orchestrator-k8s/exec_credential.hpp"

namespace neonvm::k8s {

struct Papers {
  std::string authorization;     // of the HTTP header; empty: none
  runtime::TlsFiles tls;
  std::string tls_state;         // changes when the client's certificate does: then connections are made anew
};

class Credentials {
 public:
  explicit Credentials(Access access) : access_(std::move(access)) {}
  Result<Papers> papers(Deadline deadline);
  // The server answered 401 to these. true: there may be better ones now.
  bool refused(const Papers& papers);

 private:
  Result<Papers> from_program(Deadline deadline);
  Result<std::string> token_of_file();

  const Access access_;
  std::mutex mutex_;
  std::optional<ExecCredential> given_;
  std::uint64_t runs_ = 0;       // of the program
};

}  // namespace neonvm::k8s
