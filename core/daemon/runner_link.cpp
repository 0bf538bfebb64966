#include "core/daemon/runner_link.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "core/model/pod_layout.hpp"
#include "core/runtime/channel.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

struct RunnerLink::Impl : std::enable_shared_from_this<RunnerLink::Impl> {
  struct Waiting {
    Done done;
    runtime::Timer timeout;
  };

  Impl(runtime::Loop& l, std::string e, RunnerLinkOptions o, Callbacks c)
      : loop(l), endpoint(std::move(e)), options(std::move(o)), callbacks(std::move(c)), backoff(options.first_retry) {}

  runtime::Loop& loop;
  std::string endpoint;
  RunnerLinkOptions options;
  Callbacks callbacks;
  Duration backoff;
  bool running = false;
  bool told_lost = false;
  std::uint64_t attempt = 0;             // answers to former attempts and channels are not ours any more
  std::shared_ptr<runtime::Channel> channel;
  runtime::Timer retry;
  std::uint64_t last_id = 0;
  std::map<std::uint64_t, Waiting> waiting;
  std::optional<wire::RunnerReport> report;

  void connect();
  void open(const runtime::Endpoint& where, const runtime::HttpClientOptions& client, std::uint64_t mine);
  void connected(std::shared_ptr<runtime::Channel> open);
  void lose(const Error& error);
  void stop();
  void fail_waiting(const Error& error);
  void received(const runtime::ChannelMessage& message);
  void dispatch(wire::RunnerMessage message);
  void answer(std::uint64_t id, Result<wire::RunnerReply> reply);
};

void RunnerLink::Impl::connect() {
  const auto where = runtime::parse_endpoint(endpoint);
  if (!where) {
    running = false;
    if (callbacks.lost) callbacks.lost(where.error());
    return;
  }
  const std::uint64_t mine = ++attempt;
  if (where->scheme == runtime::Endpoint::Scheme::unix_socket || !options.credentials) return open(*where, {}, mine);
  loop.off_loop(options.credentials, [weak = weak_from_this(), where = *where, mine](Result<runtime::HttpClientOptions> client) {
    const auto self = weak.lock();
    if (!self || !self->running || self->attempt != mine) return;
    if (!client) return self->lose(client.error());
    self->open(where, *client, mine);
  });
}

void RunnerLink::Impl::open(const runtime::Endpoint& where, const runtime::HttpClientOptions& client, std::uint64_t mine) {
  const std::weak_ptr<Impl> weak = weak_from_this();
  runtime::connect_channel(loop, where, "/v1/link", loop.now() + options.connect_timeout, client,
                           [weak, mine](Result<std::shared_ptr<runtime::Channel>> opened) {
                             const auto self = weak.lock();
                             const bool wanted = self && self->running && self->attempt == mine;
                             if (!wanted) {
                               if (opened) (*opened)->close();
                               return;
                             }
                             opened ? self->connected(*opened) : self->lose(opened.error());
                           });
}

void RunnerLink::Impl::connected(std::shared_ptr<runtime::Channel> open) {
  const std::weak_ptr<Impl> weak = weak_from_this();
  const std::uint64_t mine = attempt;
  channel = std::move(open);
  channel->on_message([weak, mine](const runtime::ChannelMessage& message) {
    if (const auto self = weak.lock(); self && self->attempt == mine) self->received(message);
  });
  channel->on_closed([weak, mine](const Error& error) {
    if (const auto self = weak.lock(); self && self->attempt == mine) self->lose(error);
  });
  told_lost = false;
  if (options.subscribe) channel->send(wire::encode({++last_id, wire::Subscribe{true, callbacks.explain != nullptr}}));
  if (callbacks.connected) callbacks.connected();
}

void RunnerLink::Impl::lose(const Error& error) {
  ++attempt;
  channel.reset();
  fail_waiting(error);
  if (!running) return;
  const std::weak_ptr<Impl> weak = weak_from_this();
  retry = loop.after(backoff, [weak] {
    if (const auto self = weak.lock(); self && self->running) self->connect();
  });
  backoff = std::min(backoff * 2, options.max_retry);
  if (std::exchange(told_lost, true)) return;
  if (callbacks.lost) callbacks.lost(error);
}

void RunnerLink::Impl::stop() {
  running = false;
  ++attempt;
  retry.cancel();
  waiting.clear();
  if (channel) channel->close();
  channel.reset();
}

void RunnerLink::Impl::fail_waiting(const Error& error) {
  auto failed = std::exchange(waiting, {});
  for (auto& [id, request] : failed)
    request.done(Error{Code::unavailable, "the link to the runner ended: " + error.message});
}

void RunnerLink::Impl::received(const runtime::ChannelMessage& message) {
  auto decoded = wire::decode_runner_message(message.data);
  if (!decoded) {
    runtime::log_warning("runner_link", "a message of the runner cannot be read", {{"error", decoded.error().message}});
    return;
  }
  dispatch(std::move(*decoded));
}

void RunnerLink::Impl::dispatch(wire::RunnerMessage message) {
  if (auto* reply = std::get_if<wire::RunnerReply>(&message.body)) return answer(message.id, std::move(*reply));
  if (auto* news = std::get_if<wire::RunnerReport>(&message.body)) {
    report = *news;
    backoff = options.first_retry;  // not before: a runner that accepts and closes must not be called without pause
    if (callbacks.report) callbacks.report(*report);
  } else if (auto* sample = std::get_if<wire::SamplePush>(&message.body)) {
    sample->sample.at = loop.now();
    if (callbacks.sample) callbacks.sample(*sample);
  } else if (const auto* want = std::get_if<wire::WantPush>(&message.body)) {
    if (callbacks.want) callbacks.want(*want);
  } else if (const auto* question = std::get_if<wire::Explain>(&message.body); question != nullptr && callbacks.explain) {
    callbacks.explain(question->newer, [weak = weak_from_this(), mine = attempt, id = message.id](std::string words) {
      const auto self = weak.lock();
      if (self && self->channel && self->attempt == mine) self->channel->send(wire::encode({id, wire::Explained{std::move(words)}}));
    });
  }
}

void RunnerLink::Impl::answer(std::uint64_t id, Result<wire::RunnerReply> reply) {
  const auto it = waiting.find(id);
  if (it == waiting.end()) return;
  const Done done = std::move(it->second.done);
  waiting.erase(it);
  done(std::move(reply));
}

RunnerLink::RunnerLink(runtime::Loop& loop, std::string endpoint, RunnerLinkOptions options, Callbacks callbacks)
    : impl_(std::make_shared<Impl>(loop, std::move(endpoint), std::move(options), std::move(callbacks))) {}

RunnerLink::~RunnerLink() { impl_->stop(); }

void RunnerLink::start() {
  if (std::exchange(impl_->running, true)) return;
  const std::weak_ptr<Impl> weak = impl_;
  impl_->loop.post([weak] {
    if (const auto self = weak.lock(); self && self->running) self->connect();
  });
}

void RunnerLink::stop() { impl_->stop(); }

void RunnerLink::request(wire::RunnerBody body, Duration timeout, Done done) {
  Impl& i = *impl_;
  const std::uint64_t id = ++i.last_id;
  const std::weak_ptr<Impl> weak = impl_;
  if (!i.channel) {
    i.waiting[id].done = std::move(done);
    i.loop.post([weak, id] {
      if (const auto self = weak.lock())
        self->answer(id, Error{Code::unavailable, "no link to the runner at " + self->endpoint});
    });
    return;
  }
  Impl::Waiting& waiting = i.waiting[id];
  waiting.done = std::move(done);
  waiting.timeout = i.loop.after(timeout, [weak, id] {
    if (const auto self = weak.lock()) self->answer(id, Error{Code::deadline_exceeded, "the runner did not answer in time"});
  });
  i.channel->send(wire::encode({id, std::move(body)}));
}

bool RunnerLink::is_connected() const { return impl_->channel != nullptr; }
const std::string& RunnerLink::endpoint() const { return impl_->endpoint; }
const std::optional<wire::RunnerReport>& RunnerLink::last_report() const { return impl_->report; }

namespace {

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

std::function<Result<runtime::HttpClientOptions>()> credentials_from(Orchestrator& orchestrator, const std::string& vm, Duration limit) {
  return [&orchestrator, vm, limit]() -> Result<runtime::HttpClientOptions> {
    const auto access = orchestrator.runner_access(vm, std::chrono::steady_clock::now() + limit);
    if (!access) return access.error();
    return access->through ? through(*access->through, access->token) : directly(*access);
  };
}

}  // namespace neonvm::daemon
