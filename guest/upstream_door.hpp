// UpstreamDoor: upstream's monitor protocol, version 1, so that an upstream autoscaler-agent can talk to this guest.
//
// Called by guest/monitor when the upstream ports are asked for; serves WebSocket /monitor. One connection: a new one
// replaces the old. Threads: loop thread. The protocol has neither authentication nor TLS (guest.md 3), so whoever opens
// this port trusts the network that reaches it. Failure: a frame that cannot be read is answered with InvalidMessage and
// the connection goes on; one that has not said its versions within 4 s is closed.
#pragma once

#include <memory>
#include <optional>

#include "core/decide/guest_consent.hpp"
#include "core/runtime/channel.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/monitor_protocol.hpp"
#include "guest/consent_desk.hpp"

namespace neonvm::guest {

constexpr std::uint16_t upstream_monitor_port = 10301;

class UpstreamDoor {
 public:
  UpstreamDoor(runtime::Loop& loop, const decide::GuestConsent& consent, ConsentDesk& desk);
  ~UpstreamDoor();
  void connected(std::shared_ptr<runtime::Channel> channel);
  // Asks the agent for more memory, at most once a second. False: nobody is connected.
  bool request_upscale();
  // Mean use of the watched cgroup; above upstream's threshold for the size told last, more is asked for.
  void cgroup_sampled(Bytes anonymous);

 private:
  void received(const std::string& text);
  void greeted(const std::string& text);
  void answer(const wire::monitor::Message& message);
  wire::monitor::Body reply_to(const wire::monitor::Body& body);
  void shrink(std::uint64_t id, const Resources& target);
  void send(std::uint64_t id, wire::monitor::Body body);
  void drop();

  runtime::Loop& loop_;
  const decide::GuestConsent& consent_;
  ConsentDesk& desk_;
  std::shared_ptr<runtime::Channel> channel_;
  bool greeted_ = false;
  runtime::Timer patience_;
  std::uint64_t last_id_ = 1;                  // ours are odd; the first one sent is 3
  std::optional<Instant> requested_at_;
  std::optional<Bytes> told_;                  // size of the VM by the agent's last word
};

}  // namespace neonvm::guest
