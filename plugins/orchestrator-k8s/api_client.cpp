#include "plugins/orchestrator-k8s/api_client.hpp"

#include <algorithm>
#include <charconv>
#include <thread>

#include "plugins/orchestrator-k8s/api_error.hpp"

namespace neonvm::k8s {
namespace {

using runtime::HttpResponse;

constexpr Duration longest_pause = std::chrono::seconds(5);

// How long a busy server wants to be left alone; none: it is not busy.
std::optional<Duration> busy_for(const HttpResponse& response) {
  const auto header = response.headers.find("retry-after");
  if (response.status != 429 && (response.status != 503 || header == response.headers.end())) return std::nullopt;
  unsigned seconds = 1;
  if (header != response.headers.end()) {
    (void)std::from_chars(header->second.data(), header->second.data() + header->second.size(), seconds);
  }
  return std::min<Duration>(std::chrono::seconds(std::max(seconds, 1u)), longest_pause);
}

}  // namespace

std::string url_encoded(std::string_view text) {
  constexpr const char* digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) out += c;
    else out.append({'%', digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]});
  }
  return out;
}

Result<std::shared_ptr<ApiClient>> ApiClient::open(Access access) {
  auto url = parse_server_url(access.server);
  if (!url) return url.error();
  // A name that the certificate must have, beside the numbers that are connected to.
  if (access.tls.server_name.empty()) access.tls.server_name = url->host;
  if (url->scheme != runtime::Endpoint::Scheme::tls && (!access.token.empty() || !access.token_file.empty() || access.exec)) {
    return Error{Code::invalid_argument, "server: " + access.server + " is not https, and a token would be readable on the way"};
  }
  return std::shared_ptr<ApiClient>(new ApiClient(std::move(*url), std::move(access)));
}

Result<std::shared_ptr<runtime::HttpConnections>> ApiClient::connections(const Papers& papers, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (connections_ && tls_state_ == papers.tls_state) return connections_;
  }
  auto found = resolve(url_, deadline);
  if (!found) return found.error();
  const std::lock_guard lock(mutex_);
  addresses_ = std::move(*found);
  runtime::HttpClientOptions options;
  options.tls = papers.tls;
  auto opened = runtime::HttpConnections::open(addresses_[next_address_ % addresses_.size()], std::move(options));
  if (!opened) return opened.error();
  connections_ = std::move(*opened);
  tls_state_ = papers.tls_state;
  return connections_;
}

void ApiClient::forget_address() {
  const std::lock_guard lock(mutex_);
  connections_.reset();
  ++next_address_;
}

runtime::HttpRequest ApiClient::http_request(const ApiRequest& request, const Papers& papers) const {
  runtime::HttpRequest http;
  http.method = request.method;
  http.target = url_.prefix + request.target;
  http.body = request.body;
  http.headers["Host"] = url_.host_field();
  http.headers["Accept"] = "application/json";
  http.headers["User-Agent"] = "neonvm";
  if (!request.body.empty()) http.headers["Content-Type"] = request.content_type;
  if (!papers.authorization.empty()) http.headers["Authorization"] = papers.authorization;
  return http;
}

Result<ApiClient::Started> ApiClient::start(const ApiRequest& request, Deadline deadline) {
  auto papers = credentials_.papers(deadline);
  if (!papers) return papers.error().at(request.what);
  auto through = connections(*papers, deadline);
  if (!through) return through.error().at(request.what);
  return Started{(*through)->start(http_request(request, *papers)), std::move(*papers)};
}

Result<ApiClient::Way> ApiClient::way(Deadline deadline) {
  auto papers = credentials_.papers(deadline);
  if (!papers) return papers.error();
  if (auto through = connections(*papers, deadline); !through) return through.error();
  const std::lock_guard lock(mutex_);
  return Way{addresses_[next_address_ % addresses_.size()], url_.prefix, std::move(*papers)};
}

Result<std::string> ApiClient::call(const ApiRequest& request, Deadline deadline) {
  for (bool tried_again = false;;) {
    auto papers = credentials_.papers(deadline);
    if (!papers) return papers.error().at(request.what);
    auto through = connections(*papers, deadline);
    if (!through) return through.error().at(request.what);
    auto response = (*through)->call(http_request(request, *papers), deadline);
    if (!response) {
      if (response.error().code == Code::unavailable) forget_address();
      return response.error().at(request.what);
    }
    if (response->status >= 200 && response->status < 300) return std::move(response->body);
    if (response->status == 401 && !tried_again && credentials_.refused(*papers)) {
      tried_again = true;
      continue;
    }
    const auto pause = busy_for(*response);
    const Instant again = std::chrono::steady_clock::now() + pause.value_or(Duration::zero());
    if (!pause || again >= deadline) return api_error(request.what, response->status, response->body);
    std::this_thread::sleep_until(again);
  }
}

}  // namespace neonvm::k8s
