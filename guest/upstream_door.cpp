#include "guest/upstream_door.hpp"

#include "core/runtime/log.hpp"

namespace neonvm::guest {
namespace {

namespace monitor = wire::monitor;

constexpr const char* room = "upstream";
constexpr int version = 1;
constexpr Duration setup_limit = std::chrono::seconds(4);
constexpr Duration between_requests = std::chrono::seconds(1);
constexpr std::uint16_t replaced = 1001, protocol_error = 1002;

// Upstream's cpu is a float of whole CPUs.
MilliCpu milli(double cpus) {
  const double clamped = cpus > 0 ? std::min(cpus, 4'000'000.0) : 0;
  return MilliCpu{static_cast<std::uint32_t>(clamped * 1000 + 0.5)};
}

}  // namespace

UpstreamDoor::UpstreamDoor(runtime::Loop& loop, const decide::GuestConsent& consent, ConsentDesk& desk)
    : loop_(loop), consent_(consent), desk_(desk) {}

UpstreamDoor::~UpstreamDoor() { drop(); }

void UpstreamDoor::drop() {
  if (!channel_) return;
  const auto old = std::move(channel_);
  channel_ = nullptr;
  old->close(replaced, "replaced by a new connection");
}

void UpstreamDoor::connected(std::shared_ptr<runtime::Channel> channel) {
  drop();
  channel_ = std::move(channel);
  greeted_ = false;
  const runtime::Channel* mine = channel_.get();
  // The one that was replaced may still speak.
  channel_->on_message([this, mine](const runtime::ChannelMessage& message) {
    if (channel_.get() == mine && !message.binary) received(message.data);
  });
  channel_->on_closed([this, mine](const Error& why) {
    if (channel_.get() != mine) return;
    runtime::log_info(room, "agent has left", {{"why", why.message}});
    channel_ = nullptr;
  });
  patience_ = loop_.after(setup_limit, [this, mine] {
    if (channel_.get() == mine && !greeted_) channel_->close(protocol_error, "no version was said");
  });
}

void UpstreamDoor::received(const std::string& text) {
  if (!greeted_) return greeted(text);
  const auto message = monitor::decode_from_agent(text);
  if (!message) {
    runtime::log_warning(room, "unreadable message", {{"why", message.error().message}});
    return send(0, monitor::InvalidMessage{message.error().message});
  }
  answer(*message);
}

void UpstreamDoor::greeted(const std::string& text) {
  const auto range = monitor::decode_range(text);
  const bool common = range && range->min <= version && version <= range->max;
  if (!common) {
    const std::string why = range ? "this monitor speaks version 1 only" : range.error().message;
    channel_->send(monitor::encode_version_error(why));
    return channel_->close(protocol_error, why);
  }
  greeted_ = true;
  patience_.cancel();
  channel_->send(monitor::encode_version(version));
  runtime::log_info(room, "agent is here");
}

void UpstreamDoor::answer(const monitor::Message& message) {
  if (const auto* said = std::get_if<monitor::InvalidMessage>(&message.body)) {
    return runtime::log_warning(room, "the agent could not read a message", {{"why", said->error}});
  }
  if (const auto* said = std::get_if<monitor::InternalError>(&message.body)) {
    return runtime::log_warning(room, "the agent has failed", {{"why", said->error}});
  }
  if (const auto* wanted = std::get_if<monitor::DownscaleRequest>(&message.body)) {
    return shrink(message.id, {milli(wanted->cpu), wanted->memory});
  }
  send(message.id, reply_to(message.body));
}

// The agent that has asked may be gone when the answer is there.
void UpstreamDoor::shrink(std::uint64_t id, const Resources& target) {
  const std::weak_ptr<runtime::Channel> asked = channel_;
  desk_.ask(target, [this, id, target, asked](const decide::ConsentAnswer& answer) {
    const auto channel = asked.lock();
    if (!channel || channel != channel_) return;
    if (answer.ok) told_ = target.memory;
    send(id, monitor::DownscaleResult{answer.ok, answer.why});
  });
}

monitor::Body UpstreamDoor::reply_to(const monitor::Body& body) {
  if (std::holds_alternative<monitor::HealthCheck>(body)) return monitor::HealthCheck{};
  if (const auto* grown = std::get_if<monitor::UpscaleNotification>(&body)) {
    told_ = grown->memory;
    desk_.grown({milli(grown->cpu), grown->memory});
    return monitor::UpscaleConfirmation{};
  }
  if (const auto* unknown_one = std::get_if<monitor::Unknown>(&body)) {
    return monitor::InvalidMessage{"unknown message type '" + unknown_one->type + "'"};
  }
  return monitor::InvalidMessage{"this message is for an agent, not for a monitor"};
}

void UpstreamDoor::send(std::uint64_t id, monitor::Body body) {
  if (channel_) channel_->send(monitor::encode_from_monitor({id, std::move(body)}));
}

bool UpstreamDoor::request_upscale() {
  if (!channel_ || !greeted_) return false;
  const Instant now = loop_.now();
  if (requested_at_ && now - *requested_at_ < between_requests) return true;
  requested_at_ = now;
  last_id_ += 2;
  send(last_id_, monitor::UpscaleRequest{});
  return true;
}

void UpstreamDoor::cgroup_sampled(Bytes anonymous) {
  const auto size = told_ ? told_ : consent_.size();
  if (!size) return;
  if (anonymous >= decide::usage_threshold(decide::usable_memory(*size))) request_upscale();
}

}  // namespace neonvm::guest
