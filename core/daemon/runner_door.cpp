#include "core/daemon/runner_door.hpp"

#include "core/daemon/metric_families.hpp"
#include "core/daemon/runner_session.hpp"
#include "core/runtime/log.hpp"

namespace neonvm::daemon {

RunnerDoor::RunnerDoor(runtime::Loop& loop, runtime::HttpServer& server, Runner& runner,
                       runtime::MetricsRegistry& metrics)
    : loop_(loop), runner_(runner), metrics_(metrics) {
  runner_.set_audience(this);
  server.route("GET", "/v1/status", [this](const runtime::HttpRequest&, runtime::Responder respond) {
    wire::RunnerMessage message{0, runner_.report()};
    respond({200, {{"content-type", "application/json"}}, wire::encode(message) + "\n"});
  });
  server.route("GET", "/metrics", [this](const runtime::HttpRequest&, runtime::Responder respond) {
    respond({200, {{"content-type", "text/plain; version=0.0.4"}}, metrics_.text()});
  });
  serve_upstream(server);
  log_ = std::make_unique<LogDoor>(loop, server, runner.settings().machine.console_log);
  why_ = std::make_unique<WhyDoor>(loop, server);
  server.channel("/v1/link", [this](const runtime::HttpRequest&, const ChannelPtr& channel) { open_link(channel); });
  server.channel("/v1/exec", [this](const runtime::HttpRequest&, const ChannelPtr& channel) { open_exec(channel); });
  server.channel("/v1/console", [this](const runtime::HttpRequest&, const ChannelPtr& channel) { open_console(channel); });
}

// Paths and members as the clients of neondatabase/autoscaling's runner know them (reference: neonvm.md 5.9).
void RunnerDoor::serve_upstream(runtime::HttpServer& server) {
  server.route("GET", "/ready", [this](const runtime::HttpRequest&, runtime::Responder respond) {
    const std::string why = not_ready();
    respond({why.empty() ? 200 : 503, {{"content-type", "text/plain"}}, (why.empty() ? "ready" : why) + "\n"});
  });
  server.route("GET", "/cpu_current", [this](const runtime::HttpRequest&, runtime::Responder respond) {
    respond({200, {{"content-type", "application/json"}}, wire::encode(wire::CpuMessage{runner_.report().cpu.actual}) + "\n"});
  });
  server.route("POST", "/cpu_change", [this](const runtime::HttpRequest& request, runtime::Responder respond) {
    const auto wish = wire::decode_cpu_message(request.body);
    if (!wish) return respond({400, {{"content-type", "text/plain"}}, wish.error().message + "\n"});
    const wire::RunnerReport& now = runner_.report();
    auto answer = std::make_shared<runtime::Responder>(std::move(respond));
    runner_.request(wire::Resize{{wish->cpus, now.memory.asked}, now.revision}, [answer](const wire::RunnerReply& reply) {
      (*answer)({reply.ok ? 200 : 500, {{"content-type", "text/plain"}}, reply.ok ? "" : reply.why + "\n"});
    });
  });
}

// Empty: the guest is there and, if its image has a check for that, what it is for works.
std::string RunnerDoor::not_ready() const {
  const wire::RunnerReport& now = runner_.report();
  if (now.phase != MachinePhase::running) return std::string("the machine is ") + to_string(now.phase);
  if (!now.guest_connected) return "the guest does not answer";
  if (now.health.state == Health::starting || now.health.state == Health::unhealthy) return std::string("the workload is ") + to_string(now.health.state);
  return "";
}

RunnerDoor::~RunnerDoor() {
  *alive_ = false;
  runner_.set_audience(nullptr);
}

void RunnerDoor::push(const wire::RunnerBody& body, bool samples_only) {
  const std::string text = wire::encode(wire::RunnerMessage{0, body});
  for (auto& [id, peer] : peers_) {
    if (peer.resting && !samples_only) peer.channel->close();
    else if (!samples_only || peer.samples) peer.channel->send(text);
  }
}

void RunnerDoor::report(const wire::RunnerReport& report) {
  push(report, false);
  metrics_.gauge(families::runner_cpus_asked, {report.vm}).set(report.cpu.asked.cpus());
  metrics_.gauge(families::runner_cpus_actual, {report.vm}).set(report.cpu.actual.cpus());
  metrics_.gauge(families::runner_memory_asked, {report.vm}).set(static_cast<double>(report.memory.asked.value));
  metrics_.gauge(families::runner_memory_actual, {report.vm}).set(static_cast<double>(report.memory.actual.value));
  metrics_.gauge(families::runner_guest_connected, {report.vm}).set(report.guest_connected ? 1 : 0);
}

void RunnerDoor::sample(const wire::SamplePush& sample) {
  push(sample, true);
  if (runner_.memory_plan()) tell_memory(*runner_.memory_plan());
}

void RunnerDoor::tell_memory(const MemoryPlan& plan) {
  const std::string& vm = runner_.report().vm;
  const auto set = [&](const runtime::MetricFamily& family, Bytes value) {
    metrics_.gauge(family, {vm}).set(static_cast<double>(value.value));
  };
  set(families::runner_reclaimable, plan.reclaimable);
  set(families::runner_floor, plan.floor);
  set(families::runner_most, plan.most);
  set(families::runner_in_kernel_zone, plan.in_kernel_zone);
  const auto zone = [&](const runtime::MetricFamily& family, const char* which, Bytes value) {
    metrics_.gauge(family, {vm, which}).set(static_cast<double>(value.value));
  };
  zone(families::runner_zone_size, "kernel", plan.kernel_size);
  zone(families::runner_zone_size, "movable", plan.movable_size);
  zone(families::runner_zone_room, "kernel", plan.kernel_room);
  zone(families::runner_zone_room, "movable", plan.movable_free);
  for (const Holder holder : all_holders) {
    Bytes amount;
    for (const Held& held : plan.held) amount = held.holder == holder ? held.amount : amount;
    metrics_.gauge(families::runner_held, {vm, label_of(holder)}).set(static_cast<double>(amount.value));
  }
}

void RunnerDoor::want(const wire::WantPush& want) { push(want, true); }

void RunnerDoor::open_link(const ChannelPtr& channel) {
  const std::uint64_t id = ++last_peer_;
  peers_[id].channel = channel;
  channel->on_message([this, alive = alive_, id](const runtime::ChannelMessage& message) {
    if (*alive) link_message(id, message);
  });
  channel->on_closed([this, alive = alive_, id](const Error&) {
    if (!*alive) return;
    peers_.erase(id);
    why_->peer_gone(id);
  });
  channel->send(wire::encode(wire::RunnerMessage{0, runner_.report()}));
}

void RunnerDoor::link_message(std::uint64_t peer, const runtime::ChannelMessage& message) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  auto decoded = wire::decode_runner_message(message.data);
  const std::uint64_t id = decoded ? decoded->id : 0;
  const auto answer = [this, alive = alive_, peer, id](const wire::RunnerReply& reply) {
    if (!*alive) return;
    const auto still = peers_.find(peer);
    if (still != peers_.end()) still->second.channel->send(wire::encode(wire::RunnerMessage{id, reply}));
  };
  wire::RunnerReply reply;
  if (!decoded) {
    reply.code = decoded.error().code;
    reply.why = decoded.error().message;
    return answer(reply);
  }
  if (const auto* wish = std::get_if<wire::Subscribe>(&decoded->body)) {
    found->second.samples = wish->samples;
    found->second.explains = wish->explains;
    if (wish->explains) why_->peer_explains(peer, found->second.channel);
    reply.ok = true;
    return answer(reply);
  }
  if (std::holds_alternative<wire::Rest>(decoded->body)) return answer(let_rest(found->second));
  if (const auto* words = std::get_if<wire::Explained>(&decoded->body)) return why_->explained(id, *words);
  runner_.request(decoded->body, answer);
}

// What happens between the answer and its arrival ends the connection, which the peer then sees at once.
wire::RunnerReply RunnerDoor::let_rest(Peer& peer) {
  wire::RunnerReply reply;
  reply.ok = !peer.samples && !peer.explains;
  if (!reply.ok) {
    reply.code = Code::refused;
    reply.why = "a peer that has subscribed cannot rest";
    return reply;
  }
  peer.resting = true;
  peer.channel->rest();
  return reply;
}

void RunnerDoor::open_console(const ChannelPtr& channel) {
  const std::uint64_t id = ++last_peer_;
  consoles_[id] = channel;
  if (!console_) {
    SocketStream::Callbacks callbacks;
    callbacks.bytes = [this](std::string_view bytes) {
      for (auto& [peer, listener] : consoles_) listener->send_binary(std::string(bytes));
    };
    console_ = std::make_unique<SocketStream>(loop_, runner_.settings().machine.console_socket, std::move(callbacks));
    console_->start();
  }
  channel->on_message([this, alive = alive_](const runtime::ChannelMessage& message) {
    if (*alive && console_) console_->write(message.data);
  });
  channel->on_closed([this, alive = alive_, id](const Error&) {
    if (!*alive) return;
    consoles_.erase(id);
    // Deferred: the stream may be the one that is just delivering to this channel.
    loop_.post([this, alive] {
      if (*alive && consoles_.empty()) console_.reset();
    });
  });
}

}  // namespace neonvm::daemon
