#include "cli/runner_reach.hpp"

namespace neonvm::cli {
namespace {

struct Way {
  runtime::Endpoint endpoint;
  runtime::HttpClientOptions client;
};

Result<Way> way_of(const RunnerReach& reach) {
  auto endpoint = runtime::parse_endpoint(reach.endpoint);
  if (!endpoint) return endpoint.error();
  auto client = reach.credentials ? reach.credentials(true) : Result<runtime::HttpClientOptions>(runtime::HttpClientOptions{});
  if (!client) return client.error();
  return Way{std::move(*endpoint), std::move(*client)};
}

}  // namespace

Result<std::unique_ptr<runtime::BlockingChannel>> RunnerReach::open(const std::string& path, Deadline deadline) const {
  const auto way = way_of(*this);
  if (!way) return way.error();
  return runtime::open_channel(way->endpoint, path, deadline, way->client);
}

Result<runtime::HttpResponse> RunnerReach::get(const std::string& target, Deadline deadline) const {
  const auto way = way_of(*this);
  if (!way) return way.error();
  runtime::HttpRequest request;
  request.method = "GET";
  request.target = target;
  return runtime::http_call(way->endpoint, request, deadline, way->client);
}

}  // namespace neonvm::cli
