#include "plugins/orchestrator-k8s/runner_detour.hpp"

#include <fstream>
#include <sstream>

namespace neonvm::k8s {
namespace {

// The text, or that of the file. An empty path is no file.
Result<std::string> pem(const std::string& text, const std::string& path) {
  if (!text.empty() || path.empty()) return text;
  std::ifstream file(path);
  std::ostringstream all;
  all << file.rdbuf();
  if (!file || all.str().empty()) return Error{Code::permission_denied, path + ": cannot be read, or is empty"};
  return all.str();
}

}  // namespace

Result<RunnerProxy> runner_detour(ApiClient& client, const std::string& ns, const std::string& pod, std::uint16_t port, Deadline deadline) {
  auto way = client.way(deadline);
  if (!way) return way.error();
  const runtime::TlsFiles& tls = way->papers.tls;
  RunnerProxy proxy;
  proxy.endpoint = to_string(way->endpoint);
  proxy.path = way->prefix + "/api/v1/namespaces/" + ns + "/pods/https:" + pod + ":" + std::to_string(port) + "/proxy";
  proxy.server_name = tls.server_name;
  proxy.unverified = tls.unverified;
  proxy.authorization = way->papers.authorization;
  struct Part { std::string& to; const std::string &text, &path; };
  for (const Part& part : {Part{proxy.authority, tls.ca_pem, tls.ca}, Part{proxy.certificate, tls.certificate_pem, tls.certificate},
                           Part{proxy.key, tls.key_pem, tls.key}}) {
    auto text = pem(part.text, part.path);
    if (!text) return text.error();
    part.to = std::move(*text);
  }
  return proxy;
}

}  // namespace neonvm::k8s
