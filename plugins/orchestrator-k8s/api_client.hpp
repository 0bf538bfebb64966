// ApiClient: requests to one API server: who asks, over which connection, what to do when it is busy.
//
// Any thread. Every call keeps to its deadline. A busy server (429, or 503 with Retry-After) is asked again when it says,
// at most 5 s later; after a 401 newer credentials are tried once. Failure: Error whose text begins with `what`, its
// code by api_error; unavailable, deadline_exceeded and permission_denied (TLS) from below.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/runtime/http_connections.hpp"
#include "plugins/orchestrator-k8s/credentials.hpp"
#include "plugins/orchestrator-k8s/server_url.hpp"

namespace neonvm::k8s {

struct ApiRequest {
  std::string what;                       // for errors: "get VirtualMachine web"
  std::string method = "GET";
  std::string target;                     // path and query
  std::string body{};
  std::string content_type = "application/json";
};

class ApiClient {
 public:
  static Result<std::shared_ptr<ApiClient>> open(Access access);

  // The body of a 2xx answer.
  Result<std::string> call(const ApiRequest& request, Deadline deadline);

  // An answer that is read in pieces. Its status is the caller's to look at; after a 401 `refused` says whether to try
  // again.
  struct Started {
    std::unique_ptr<runtime::HttpAnswer> answer;
    Papers papers;
  };
  Result<Started> start(const ApiRequest& request, Deadline deadline);
  bool refused(const Papers& papers) { return credentials_.refused(papers); }
  // For somebody who speaks to the server itself: one address of it, and the caller's papers as they are now.
  struct Way {
    runtime::Endpoint endpoint;
    std::string prefix;                   // of every path
    Papers papers;
  };
  Result<Way> way(Deadline deadline);
  // Nobody was there: the next request asks for the server's address anew.
  void forget_address();

 private:
  ApiClient(ServerUrl url, Access access) : url_(std::move(url)), credentials_(std::move(access)) {}
  Result<std::shared_ptr<runtime::HttpConnections>> connections(const Papers& papers, Deadline deadline);
  [[nodiscard]] runtime::HttpRequest http_request(const ApiRequest& request, const Papers& papers) const;

  const ServerUrl url_;
  Credentials credentials_;
  std::mutex mutex_;
  std::shared_ptr<runtime::HttpConnections> connections_;
  std::string tls_state_;
  std::vector<runtime::Endpoint> addresses_;
  std::size_t next_address_ = 0;
};

// Percent-encoded for a query.
std::string url_encoded(std::string_view text);

}  // namespace neonvm::k8s
