// MetricsServer: GET /metrics for a Prometheus on another machine, for whoever shows the token.
//
// Owned by the processes of the control plane. Threads: loop thread. The token is the first line of a file, at least 16
// characters, read for every request so that one that is replaced counts at once; it is compared in a time that tells nothing of
// where they differ. Over https the certificate is the folder's (runtime/certificates.hpp): made when it is missing, renewed in
// time, or somebody else's that is mounted there. Failure: open() says what is wrong; without a readable token afterwards
// everybody gets 401, and the log says why, once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/runtime/certificates.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

struct MetricsDoorSettings {
  std::string token_file;                  // empty: `anybody`, or none is served
  bool anybody = false;                    // may read them
  std::string certificates;                // folder, of https
  std::vector<std::string> names;          // that its certificate is to carry, beside the address
};

void serve_metrics(runtime::HttpServer& server, const runtime::MetricsRegistry& metrics);

class MetricsServer {
 public:
  MetricsServer(runtime::Loop& loop, const runtime::MetricsRegistry& metrics, MetricsDoorSettings settings);
  // Returns the address in use. unsupported: without a token or leave for everybody.
  Result<runtime::Endpoint> open(const runtime::Endpoint& endpoint);

 private:
  void renew_when_due();
  void renew();

  runtime::Loop& loop_;
  const runtime::MetricsRegistry& metrics_;
  MetricsDoorSettings settings_;
  runtime::CertificateFolder certificates_;
  std::unique_ptr<runtime::HttpServer> server_;
  runtime::Timer renewal_;
};

// The first line of the file; invalid_argument when it is not there or too short to be a secret.
Result<std::string> read_metrics_token(const std::string& file);
// Does the request show the token as a bearer?
bool shows_token(const runtime::HttpRequest& request, const std::string& token);

}  // namespace neonvm::daemon
