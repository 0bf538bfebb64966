#include "cli/scheduler_reach.hpp"

#include <netdb.h>

#include <array>

namespace neonvm::cli {

namespace {

using daemon::SchedulerReach;
using runtime::Endpoint;

struct Place {
  std::string scheme, host, port;
};

// "https://neonvm-scheduler.neonvm-system.svc:10299".
Result<Place> split(const std::string& text) {
  const auto scheme = text.find("://");
  const auto colon = text.rfind(':');
  if (scheme == std::string::npos || colon <= scheme + 3 || colon + 1 == text.size())
    return Error{Code::invalid_argument, "\"" + text.substr(0, 80) + "\" is not unix:PATH, http://HOST:PORT or https://HOST:PORT"};
  Place place{text.substr(0, scheme), text.substr(scheme + 3, colon - scheme - 3), text.substr(colon + 1)};
  // By the endpoint's own rules for all but the name.
  const auto checked = runtime::parse_endpoint(place.scheme + "://127.0.0.1:" + place.port);
  if (!checked) return checked.error();
  return place;
}

// By the system's resolver, whose patience is its own.
Result<Endpoint> resolve(const Place& place) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(place.host.c_str(), nullptr, &wanted, &found); failed != 0)
    return Error{Code::unavailable, place.host + ": " + ::gai_strerror(failed)};
  std::array<char, NI_MAXHOST> text{};
  const int spelled = ::getnameinfo(found->ai_addr, found->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
  const bool is_v6 = found->ai_family == AF_INET6;
  ::freeaddrinfo(found);
  if (spelled != 0) return Error{Code::unavailable, place.host + ": " + ::gai_strerror(spelled)};
  const std::string host = is_v6 ? "[" + std::string(text.data()) + "]" : std::string(text.data());
  return runtime::parse_endpoint(place.scheme + "://" + host + ":" + place.port);
}

Result<SchedulerReach> find(const Place& place, Orchestrator& orchestrator, Deadline deadline) {
  SchedulerReach reach;
  // First what the scheduler itself may be waiting for.
  if (place.scheme == "https") {
    const auto access = orchestrator.scheduler_access(deadline);
    if (!access) return access.error();
    runtime::TlsFiles tls;
    tls.ca_pem = access->authority;
    tls.server_name = access->server_name;
    reach.http.tls = tls;
    reach.http.bearer_token = access->token;
  }
  auto endpoint = resolve(place);
  if (!endpoint) return endpoint.error();
  reach.endpoint = std::move(*endpoint);
  return reach;
}

}  // namespace

Result<daemon::FindScheduler> scheduler_reach(const std::string& text, Orchestrator& orchestrator) {
  if (text.starts_with("unix:")) {
    auto endpoint = runtime::parse_endpoint(text);
    if (!endpoint) return endpoint.error();
    return daemon::FindScheduler([endpoint = *endpoint](Deadline) { return Result<SchedulerReach>(SchedulerReach{endpoint, {}}); });
  }
  auto place = split(text);
  if (!place) return place.error();
  return daemon::FindScheduler([place = *place, &orchestrator](Deadline deadline) { return find(place, orchestrator, deadline); });
}

}  // namespace neonvm::cli
