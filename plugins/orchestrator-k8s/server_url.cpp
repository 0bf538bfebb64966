#include "plugins/orchestrator-k8s/server_url.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>

#include <charconv>
#include <memory>

namespace neonvm::k8s {
namespace {

using runtime::Endpoint;

bool is_numeric(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 || inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

// A question to the resolver, which may outlive who asks: it can neither be hurried nor always be called back.
struct Question {
  std::string host, port;
  addrinfo hints{};
  gaicb block{};
  ~Question() {
    if (block.ar_result != nullptr) freeaddrinfo(block.ar_result);
  }
};

std::vector<Endpoint> endpoints_of(const addrinfo* found, const ServerUrl& url) {
  std::vector<Endpoint> out;
  for (; found != nullptr; found = found->ai_next) {
    char text[NI_MAXHOST];
    if (getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      out.push_back({url.scheme, text, url.port});
    }
  }
  return out;
}

Error bad(const std::string& why) { return {Code::invalid_argument, "server: " + why + "; give one like https://10.0.0.1:6443"}; }

}  // namespace

std::string ServerUrl::host_field() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<ServerUrl> parse_server_url(const std::string& text) {
  ServerUrl url;
  std::string rest = text;
  // kubectl's default, too.
  if (rest.find("://") == std::string::npos) rest.insert(0, "http://");
  if (rest.starts_with("http://")) {
    url.scheme = Endpoint::Scheme::tcp;
    url.port = 80;
  } else if (!rest.starts_with("https://")) {
    return bad("is neither http:// nor https://");
  }
  rest.erase(0, rest.find("://") + 3);
  const std::size_t slash = std::min(rest.find_first_of("/?#"), rest.size());
  url.prefix = rest.substr(slash);
  std::string authority = rest.substr(0, slash);
  if (authority.find('@') != std::string::npos) return bad("holds a user's name; that belongs into users");
  if (url.prefix.find_first_of("?# \r\n") != std::string::npos) return bad("has more than a path behind the host");
  while (url.prefix.ends_with('/')) url.prefix.pop_back();
  const std::size_t colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  if (has_port) {
    const char* end = authority.data() + authority.size();
    const auto [stop, error] = std::from_chars(authority.data() + colon + 1, end, url.port);
    if (error != std::errc() || stop != end || url.port == 0) return bad("\"" + text + "\" has no good port");
    authority.resize(colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty() || authority.size() > 253) return bad("has no host");
  for (const char c : authority) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f) return bad("has no good host");
  }
  url.host = authority;
  return url;
}

Result<std::vector<Endpoint>> resolve(const ServerUrl& url, Deadline deadline) {
  if (is_numeric(url.host)) return std::vector<Endpoint>{{url.scheme, url.host, url.port}};
  auto question = std::make_unique<Question>();
  question->host = url.host;
  question->hints.ai_socktype = SOCK_STREAM;
  question->hints.ai_flags = AI_ADDRCONFIG;
  question->block.ar_name = question->host.c_str();
  question->block.ar_request = &question->hints;
  gaicb* list[1] = {&question->block};
  sigevent quiet{};
  quiet.sigev_notify = SIGEV_NONE;
  if (const int failed = getaddrinfo_a(GAI_NOWAIT, list, 1, &quiet); failed != 0) {
    return Error{Code::unavailable, url.host + ": " + gai_strerror(failed)};
  }
  while (gai_error(list[0]) == EAI_INPROGRESS) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= Duration::zero()) {
      if (gai_cancel(list[0]) != EAI_CANCELED) (void)question.release();  // the resolver still writes into it
      return Error{Code::deadline_exceeded, url.host + ": its address could not be found in time"};
    }
    const timespec wait{left / std::chrono::seconds(1), static_cast<long>((left % std::chrono::seconds(1)).count())};
    (void)gai_suspend(list, 1, &wait);
  }
  if (const int failed = gai_error(list[0]); failed != 0) {
    return Error{Code::unavailable, url.host + ": " + gai_strerror(failed)};
  }
  auto found = endpoints_of(question->block.ar_result, url);
  if (found.empty()) return Error{Code::unavailable, url.host + ": has no address"};
  return found;
}

}  // namespace neonvm::k8s
