#include "core/daemon/runner_link.hpp"

#include <malloc.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/runtime/channel.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

namespace {

// Links that went to rest leave holes of some 60 KiB each, which malloc keeps; below so many it is not worth the milliseconds.
constexpr std::size_t enough_to_trim = 64;

}  // namespace

void LinkRest::go_on() {
  while (turns < many && !waiting.empty()) {
    const auto next = std::move(waiting.front());
    waiting.pop_front();
    next();
  }
}

struct RunnerLink::Impl : std::enable_shared_from_this<RunnerLink::Impl> {
  struct Waiting {
    Done done;
    runtime::Timer timeout;
    std::string unsent;                  // came while the link was at rest
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
  runtime::UniqueFd bare;                // at rest
  runtime::FdWatch stirs;                // gone before what it watches
  bool resting_soon = false;             // the runner was told, and has not answered yet: what is asked meanwhile waits
  bool waking = false;                   // from rest to the next connection, or failure
  bool counted = false;                  // in options.rest
  bool queued = false;                   // likewise
  bool pressed = false;                  // until it is connected
  bool in_turn = false;                  // counted in options.rest, too
  runtime::Timer turn;
  Instant heard{};
  runtime::Timer silent;

  ~Impl() { count(false); }
  void count(bool awake);
  void look_for_rest();
  void ask_for_rest();
  void rest();
  void wake();
  void connect_in_turn();
  void end_turn();
  void send(std::uint64_t id, std::string text, Duration timeout, Done done);
  void send_unsent();
  void connect();
  void open(const runtime::Endpoint& where, const runtime::HttpClientOptions& client, std::uint64_t mine);
  void connected(std::shared_ptr<runtime::Channel> open);
  void lose(const Error& error);
  void stop();
  void owe();
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
  const auto how = [credentials = options.credentials, anew = !waking] { return credentials(anew); };
  loop.off_loop(how, [weak = weak_from_this(), where = *where, mine](Result<runtime::HttpClientOptions> client) {
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
  waking = pressed = false;
  count(true);
  send_unsent();
  heard = loop.now();
  look_for_rest();
  if (options.subscribe) channel->send(wire::encode({++last_id, wire::Subscribe{true, callbacks.explain != nullptr}}));
  if (callbacks.connected) callbacks.connected();
}

void RunnerLink::Impl::lose(const Error& error) {
  ++attempt;
  channel.reset();
  count(false);
  end_turn();
  waking = resting_soon = false;
  silent.cancel();
  fail_waiting(error);
  if (!running) return;
  const std::weak_ptr<Impl> weak = weak_from_this();
  retry = loop.after(backoff, [weak] {
    if (const auto self = weak.lock(); self && self->running) self->connect_in_turn();
  });
  backoff = std::min(backoff * 2, options.max_retry);
  if (std::exchange(told_lost, true)) return;
  if (callbacks.lost) callbacks.lost(error);
}

void RunnerLink::Impl::stop() {
  running = false;
  ++attempt;
  retry.cancel();
  silent.cancel();
  stirs = {};
  bare = {};
  waking = resting_soon = queued = false;
  count(false);
  end_turn();
  owe();
  if (channel) channel->close();
  channel.reset();
}

// Who asked counts on an answer, and may be in the middle of ending this link.
void RunnerLink::Impl::owe() {
  if (waiting.empty()) return;
  std::vector<Done> owed;
  for (auto& [id, request] : std::exchange(waiting, {})) owed.push_back(std::move(request.done));
  loop.post([owed = std::move(owed)] {
    for (const Done& done : owed) done(Error{Code::unavailable, "the link to the runner was given up"});
  });
}

void RunnerLink::Impl::fail_waiting(const Error& error) {
  auto failed = std::exchange(waiting, {});
  for (auto& [id, request] : failed)
    request.done(Error{Code::unavailable, "the link to the runner ended: " + error.message});
}

void RunnerLink::Impl::count(bool awake) {
  if (!options.rest || std::exchange(counted, awake) == awake) return;
  LinkRest& all = *options.rest;
  awake ? ++all.awake : --all.awake;
  all.most_awake = std::max(all.most_awake, all.awake);
  if (all.most_awake < enough_to_trim || all.awake > all.most_awake / 4) return;
  all.most_awake = all.awake;
  malloc_trim(0);
}

// Once for each silence, not once for each message.
void RunnerLink::Impl::look_for_rest() {
  if (!options.rest || options.subscribe) return;
  const LinkRest& rule = *options.rest;
  const Duration patience = !rule.waiting.empty() ? rule.hurry : rule.awake > rule.many ? rule.haste : rule.patience;
  silent = loop.at(std::max(heard + patience, loop.now() + std::min(patience, rule.haste)), [weak = weak_from_this(), patience] {
    const auto self = weak.lock();
    if (!self || !self->channel) return;
    if (self->waiting.empty() && self->report && self->loop.now() - self->heard >= patience) self->ask_for_rest();
    else self->look_for_rest();
  });
}

// A runner of an older version does not know the word: it is not asked again over this connection.
void RunnerLink::Impl::ask_for_rest() {
  const std::uint64_t id = ++last_id;
  send(id, wire::encode({id, wire::Rest{}}), options.connect_timeout, [weak = weak_from_this(), mine = attempt](const Result<wire::RunnerReply>& reply) {
    const auto self = weak.lock();
    if (!self || self->attempt != mine || !self->channel) return;
    self->resting_soon = false;
    reply && reply->ok ? self->rest() : self->send_unsent();
  });
  resting_soon = true;
}

void RunnerLink::Impl::rest() {
  ++attempt;
  bare = channel->detach();
  channel.reset();
  count(false);
  end_turn();
  const std::weak_ptr<Impl> weak = weak_from_this();
  if (!bare || !waiting.empty()) return wake();  // something was asked just now
  stirs = loop.watch_readable(bare.get(), [weak] {
    if (const auto self = weak.lock()) self->wake();
  });
}

void RunnerLink::Impl::wake() {
  if (!running) return;
  stirs = {};
  bare = {};
  waking = true;
  connect();
}

void RunnerLink::Impl::connect_in_turn() {
  if (!options.rest || options.subscribe || pressed) return connect();
  LinkRest& all = *options.rest;
  const auto take = [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || !std::exchange(self->queued, false)) return;
    self->in_turn = true;
    ++self->options.rest->turns;
    self->turn = self->loop.after(self->options.rest->longest_turn, [weak] {
      if (const auto still = weak.lock()) still->end_turn();
    });
    self->connect();
  };
  queued = true;
  all.turns < all.many ? take() : all.waiting.push_back(take);
}

void RunnerLink::Impl::end_turn() {
  if (!std::exchange(in_turn, false)) return;
  turn.cancel();
  --options.rest->turns;
  if (!options.rest->waiting.empty()) loop.post([all = options.rest] { all->go_on(); });
}

void RunnerLink::Impl::send(std::uint64_t id, std::string text, Duration timeout, Done done) {
  heard = loop.now();
  Waiting& asked = waiting[id];
  asked.done = std::move(done);
  asked.timeout = loop.after(timeout, [weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->answer(id, Error{Code::deadline_exceeded, "the runner did not answer in time"});
  });
  if (channel && !resting_soon) return channel->send(std::move(text));
  asked.unsent = std::move(text);
  if (bare) wake();
}

void RunnerLink::Impl::send_unsent() {
  for (auto& [id, request] : waiting)
    if (!request.unsent.empty()) channel->send(std::exchange(request.unsent, {}));
}

void RunnerLink::Impl::received(const runtime::ChannelMessage& message) {
  heard = loop.now();
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
    if (const auto self = weak.lock(); self && self->running) self->connect_in_turn();
  });
}

void RunnerLink::stop() { impl_->stop(); }

void RunnerLink::look() {
  if (impl_->bare) impl_->wake();
}

void RunnerLink::hurry() {
  if (is_connected()) return;
  impl_->pressed = true;
  if (!impl_->queued) return;
  impl_->loop.post([weak = std::weak_ptr(impl_)] {
    if (const auto self = weak.lock(); self && std::exchange(self->queued, false)) self->connect();
  });
}

void RunnerLink::request(wire::RunnerBody body, Duration timeout, Done done) {
  Impl& i = *impl_;
  const std::uint64_t id = ++i.last_id;
  const std::weak_ptr<Impl> weak = impl_;
  if (!is_connected()) {
    i.waiting[id].done = std::move(done);
    i.loop.post([weak, id] {
      if (const auto self = weak.lock())
        self->answer(id, Error{Code::unavailable, "no link to the runner at " + self->endpoint});
    });
    return;
  }
  i.send(id, wire::encode({id, std::move(body)}), timeout, std::move(done));
}

bool RunnerLink::is_connected() const { return impl_->channel || impl_->bare || impl_->waking; }
const std::string& RunnerLink::endpoint() const { return impl_->endpoint; }
const std::optional<wire::RunnerReport>& RunnerLink::last_report() const { return impl_->report; }

}  // namespace neonvm::daemon
