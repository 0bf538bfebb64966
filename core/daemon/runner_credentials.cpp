#include <map>
#include <mutex>

#include "core/daemon/runner_link.hpp"
#include "core/model/pod_layout.hpp"

namespace neonvm::daemon {

namespace {

// One text for all that have the same: ten thousand runners are known by one authority.
std::shared_ptr<const std::string> shared_text(const std::string& text) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<const std::string>> texts;
  const std::lock_guard lock(mutex);
  std::erase_if(texts, [](const auto& each) { return each.second.expired(); });
  auto& known = texts[text];
  auto found = known.lock();
  if (!found) known = found = std::make_shared<const std::string>(text);
  return found;
}

// What opened the runner's door last. Asked for on workers.
class Kept {
 public:
  void set(const RunnerAccess& access) {
    const std::lock_guard lock(mutex_);
    authority_ = shared_text(access.authority);
    server_name_ = access.server_name;
    token_ = access.token;
  }
  [[nodiscard]] std::optional<RunnerAccess> get() {
    const std::lock_guard lock(mutex_);
    if (!authority_) return std::nullopt;
    RunnerAccess access;
    access.authority = *authority_;
    access.server_name = server_name_;
    access.token = token_;
    return access;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const std::string> authority_;
  std::string server_name_, token_;
};

Result<runtime::HttpClientOptions> directly(const RunnerAccess& access) {
  runtime::HttpClientOptions options;
  options.tls = runtime::TlsFiles{};
  options.tls->ca_pem = access.authority;
  options.tls->server_name = access.server_name;
  options.bearer_token = access.token;
  return options;
}

Result<runtime::HttpClientOptions> through(const RunnerProxy& proxy, const std::string& token) {
  auto endpoint = runtime::parse_endpoint(proxy.endpoint);
  if (!endpoint) return endpoint.error().at("the way to the runner");
  runtime::HttpClientOptions options;
  options.through = runtime::HttpProxy{std::move(*endpoint), proxy.path, {{pod::token_header, token}}};
  if (!proxy.authorization.empty()) options.through->headers["authorization"] = proxy.authorization;
  if (options.through->endpoint.scheme != runtime::Endpoint::Scheme::tls) return options;
  options.tls = runtime::TlsFiles{};
  options.tls->ca_pem = proxy.authority;
  options.tls->server_name = proxy.server_name;
  options.tls->certificate_pem = proxy.certificate;
  options.tls->key_pem = proxy.key;
  options.tls->unverified = proxy.unverified;
  return options;
}

}  // namespace

RunnerCredentials credentials_from(Orchestrator& orchestrator, const std::string& vm, Duration limit) {
  return [&orchestrator, vm, limit, kept = std::make_shared<Kept>()](bool anew) -> Result<runtime::HttpClientOptions> {
    if (auto known = anew ? std::nullopt : kept->get()) return directly(*known);
    const auto access = orchestrator.runner_access(vm, std::chrono::steady_clock::now() + limit);
    if (!access) return access.error();
    if (access->through) return through(*access->through, access->token);
    kept->set(*access);
    return directly(*access);
  };
}

}  // namespace neonvm::daemon
