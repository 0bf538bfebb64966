#include "cli/metrics_options.hpp"

namespace neonvm::cli {

void add_metrics_options(Options& o, MetricsOptions& options) {
  o.text("--metrics", options.endpoint, "ENDPOINT", "https://ADDRESS:PORT, or http://, on which to serve /metrics to a Prometheus elsewhere");
  o.text("--metrics-token", options.token, "FILE", "Its first line is the bearer token that a Prometheus must show");
  o.text("--metrics-certificates", options.certificates, "FOLDER",
         "tls.crt and tls.key of https; made and renewed there if they are not somebody else's (default: in the home)");
  o.flag("--allow-unauthenticated-metrics", options.anybody, "Let everybody who can connect to --metrics read them");
}

Result<std::unique_ptr<daemon::MetricsServer>> open_metrics_server(runtime::Loop& loop, const runtime::MetricsRegistry& metrics,
                                                                   const Config& config, const MetricsOptions& options) {
  std::unique_ptr<daemon::MetricsServer> server;
  if (options.endpoint.empty()) return server;
  auto endpoint = runtime::parse_endpoint(options.endpoint);
  if (!endpoint) return endpoint.error().at("--metrics");
  if (endpoint->scheme == runtime::Endpoint::Scheme::unix_socket)
    return Error{Code::invalid_argument, "--metrics: give http:// or https://ADDRESS:PORT; on the Unix socket of --listen there is a /metrics anyway"};
  daemon::MetricsDoorSettings settings{options.token, options.anybody, options.certificates, {"neonvm-metrics"}};
  if (settings.certificates.empty()) settings.certificates = config.home + "/metrics";
  server = std::make_unique<daemon::MetricsServer>(loop, metrics, std::move(settings));
  if (auto open = server->open(*endpoint); !open) return open.error().at("--metrics");
  return server;
}

}  // namespace neonvm::cli
