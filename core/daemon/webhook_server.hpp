// WebhookServer: the HTTPS side of the admission webhooks, and the certificate that it shows.
//
// Owned by a controller. Threads: loop thread. The folder's certificate is made when it is missing and renewed at two thirds
// of its life (runtime/certificates.hpp), under open connections; one that is mounted there from elsewhere (cert-manager) is
// used as it is, and read again when it changes. Failure: open() says what is wrong; a renewal that fails is logged and
// tried again every minute, while the old certificate serves on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/daemon/webhook_door.hpp"
#include "core/runtime/certificates.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

class WebhookServer {
 public:
  // names: what the API server calls this server by: "neonvm-webhook.neonvm-system.svc".
  WebhookServer(runtime::Loop& loop, runtime::MetricsRegistry& metrics, std::string folder, std::vector<std::string> names);

  // Before open(): its certificates are signed by this authority instead of one of its own.
  [[nodiscard]] Status adopt(const runtime::KeyPair& authority) const { return certificates_.adopt(authority); }
  // Returns the address in use. Only https: an API server calls nothing else.
  Result<runtime::Endpoint> open(const runtime::Endpoint& endpoint, WebhookSettings settings);
  [[nodiscard]] std::string authority_file() const { return certificates_.path + "/ca.crt"; }

 private:
  void renew();
  void renew_when_due();

  runtime::Loop& loop_;
  runtime::MetricsRegistry& metrics_;
  runtime::CertificateFolder certificates_;
  std::unique_ptr<runtime::HttpServer> server_;
  runtime::Timer renewal_;
};

}  // namespace neonvm::daemon
