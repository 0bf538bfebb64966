#include "core/daemon/webhook_server.hpp"

#include <algorithm>

#include "core/daemon/metric_families.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

using runtime::Endpoint;

constexpr Duration retry = std::chrono::minutes(1);
// A folder that somebody else keeps, or a clock that was set: nothing tells of either.
constexpr Duration longest_pause = std::chrono::hours(1);
constexpr std::size_t largest_review = 8 * 1024 * 1024;  // etcd takes objects of 1.5 MiB, and a review holds two

}  // namespace

WebhookServer::WebhookServer(runtime::Loop& loop, runtime::MetricsRegistry& metrics, std::string folder, std::vector<std::string> names)
    : loop_(loop), metrics_(metrics) {
  certificates_.path = std::move(folder);
  certificates_.wish.common_name = "neonvm-webhook";
  certificates_.wish.names = std::move(names);
}

Result<Endpoint> WebhookServer::open(const Endpoint& endpoint, WebhookSettings settings) {
  if (endpoint.scheme != Endpoint::Scheme::tls)
    return Error{Code::invalid_argument, to_string(endpoint) + ": an API server calls webhooks by TLS only; give https://ADDRESS:PORT"};
  if (auto fresh = certificates_.refresh(loop_.wall()); !fresh) return fresh.error();
  settings.told = [this, told = std::move(settings.told)](const std::string& kind, const std::string& ns, const std::string& name,
                                                          bool let_through, const std::string& why) {
    metrics_.counter(families::webhook_faults, {kind, let_through ? "let_through" : "refused"}).add();
    if (told) told(kind, ns, name, let_through, why);
  };
  runtime::HttpServerOptions options;
  options.max_body = largest_review;
  // An API server keeps a silent connection for 90 s (Go's transport). Whoever ends it first may meet a request, which then fails.
  options.idle_timeout = std::chrono::seconds(120);
  options.tls = runtime::TlsFiles{certificates_.path + "/tls.crt", certificates_.path + "/tls.key", "", ""};
  server_ = std::make_unique<runtime::HttpServer>(loop_, std::move(options));
  serve_webhooks(*server_, std::move(settings));
  server_->route("GET", "/healthz", [](const runtime::HttpRequest&, runtime::Responder respond) {
    respond({200, {{"content-type", "text/plain"}}, "ok\n"});
  });
  auto listening = server_->listen(endpoint);
  if (!listening) return listening;
  runtime::log_info("webhook", "listens", {{"at", to_string(*listening)}, {"authority", authority_file()}});
  renew_when_due();
  return listening;
}

void WebhookServer::renew_when_due() {
  const auto due = certificates_.due();
  const Duration left = due ? Duration(*due - loop_.wall()) : retry;
  renewal_ = loop_.after(std::clamp(left, retry, longest_pause), [this] { renew(); });
}

void WebhookServer::renew() {
  const auto renewed = certificates_.refresh(loop_.wall());
  if (!renewed) runtime::log_error("webhook", "its certificate cannot be renewed", {{"why", renewed.error().message}});
  if (renewed && *renewed) runtime::log_info("webhook", "has a new certificate", {{"authority", authority_file()}});
  renew_when_due();
}

}  // namespace neonvm::daemon
