#include "core/daemon/metrics_server.hpp"

#include <algorithm>
#include <fstream>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {
namespace {

using runtime::Endpoint;

constexpr std::size_t shortest_token = 16;
constexpr Duration retry = std::chrono::minutes(1);
constexpr Duration longest_pause = std::chrono::hours(1);  // the folder may be somebody else's, and clocks are set

}  // namespace

void serve_metrics(runtime::HttpServer& server, const runtime::MetricsRegistry& metrics) {
  server.route("GET", "/metrics", [&metrics](const runtime::HttpRequest&, runtime::Responder respond) {
    respond({200, {{"content-type", "text/plain; version=0.0.4"}}, metrics.text()});
  });
}

Result<std::string> read_metrics_token(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.size() < shortest_token)
    return Error{Code::invalid_argument, path + " has no token of at least " + std::to_string(shortest_token) + " characters in its first line; make one: openssl rand -hex 32"};
  return token;
}

bool shows_token(const runtime::HttpRequest& request, const std::string& token) {
  const auto header = request.headers.find("authorization");
  const std::string given = header == request.headers.end() ? "" : header->second;
  const std::string wanted = "Bearer " + token;
  unsigned differs = given.size() == wanted.size() ? 0 : 1;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    differs |= static_cast<unsigned char>(wanted[i]) ^ static_cast<unsigned char>(i < given.size() ? given[i] : '\0');
  return differs == 0;
}

MetricsServer::MetricsServer(runtime::Loop& loop, const runtime::MetricsRegistry& metrics, MetricsDoorSettings settings)
    : loop_(loop), metrics_(metrics), settings_(std::move(settings)) {}

Result<Endpoint> MetricsServer::open(const Endpoint& endpoint) {
  if (settings_.token_file.empty() && !settings_.anybody)
    return Error{Code::unsupported, to_string(endpoint) + ": who may read them? Give --metrics-token FILE, or --allow-unauthenticated-metrics"};
  runtime::HttpServerOptions options;
  if (!settings_.token_file.empty()) {
    if (auto token = read_metrics_token(settings_.token_file); !token) return token.error();
    options.authorize = [file = settings_.token_file, told = std::make_shared<bool>(false)](const runtime::HttpRequest& request) {
      const auto token = read_metrics_token(file);
      if (!token && !*told) runtime::log_error("metrics", "nobody is let in", {{"why", token.error().message}});
      *told = !token;
      return token && shows_token(request, *token);
    };
  }
  if (endpoint.scheme == Endpoint::Scheme::tls) {
    certificates_.path = settings_.certificates;
    certificates_.wish.common_name = "neonvm-metrics";
    certificates_.wish.names = settings_.names;
    certificates_.wish.names.push_back(endpoint.host);
    if (auto fresh = certificates_.refresh(loop_.wall()); !fresh) return fresh.error();
    options.tls = runtime::TlsFiles{certificates_.path + "/tls.crt", certificates_.path + "/tls.key", "", ""};
    renew_when_due();
  }
  server_ = std::make_unique<runtime::HttpServer>(loop_, std::move(options));
  serve_metrics(*server_, metrics_);
  auto listening = server_->listen(endpoint);
  if (listening) runtime::log_info("metrics", "listens", {{"at", to_string(*listening)}, {"for", settings_.token_file.empty() ? "anybody" : "who shows the token"}});
  return listening;
}

void MetricsServer::renew_when_due() {
  const auto due = certificates_.due();
  const Duration left = due ? Duration(*due - loop_.wall()) : retry;
  renewal_ = loop_.after(std::clamp(left, retry, longest_pause), [this] { renew(); });
}

void MetricsServer::renew() {
  const auto renewed = certificates_.refresh(loop_.wall());
  if (!renewed) runtime::log_error("metrics", "its certificate cannot be renewed", {{"why", renewed.error().message}});
  renew_when_due();
}

}  // namespace neonvm::daemon
