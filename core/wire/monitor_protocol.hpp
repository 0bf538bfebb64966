// Agent <-> monitor over a WebSocket on port 10301, path /monitor: upstream's protocol, version 1 (autoscaling.md 6,
// guest.md 3). Kept so that an upstream agent can talk to our monitor and our agent to an upstream monitor.
//
// Handshake: agent sends {"min":1,"max":1}; monitor answers {"version":1} or {"error":"…"}.
// Agent -> monitor {"type":T,"content":C,"id":even}; monitor -> agent {"type":T,"id":odd, fields at top level}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire::monitor {

struct Range {
  int min = 1, max = 1;
  friend bool operator==(const Range&, const Range&) = default;
};
Result<Range> decode_range(std::string_view json);
std::string encode_range(const Range& range);
Result<int> decode_version(std::string_view json);       // refused with the peer's error text
std::string encode_version(int version);
std::string encode_version_error(std::string_view error);

struct UpscaleNotification {
  double cpu = 0; Bytes memory;
  friend bool operator==(const UpscaleNotification&, const UpscaleNotification&) = default;
};
struct DownscaleRequest {
  double cpu = 0; Bytes memory;
  friend bool operator==(const DownscaleRequest&, const DownscaleRequest&) = default;
};
struct HealthCheck {
  friend bool operator==(const HealthCheck&, const HealthCheck&) = default;
};
struct InvalidMessage {
  std::string error;
  friend bool operator==(const InvalidMessage&, const InvalidMessage&) = default;
};
struct InternalError {
  std::string error;
  friend bool operator==(const InternalError&, const InternalError&) = default;
};
struct UpscaleRequest {
  friend bool operator==(const UpscaleRequest&, const UpscaleRequest&) = default;
};
struct UpscaleConfirmation {
  friend bool operator==(const UpscaleConfirmation&, const UpscaleConfirmation&) = default;
};
struct DownscaleResult {
  bool ok = false; std::string status;
  friend bool operator==(const DownscaleResult&, const DownscaleResult&) = default;
};
struct Unknown {
  std::string type;
  friend bool operator==(const Unknown&, const Unknown&) = default;
};

using Body = std::variant<UpscaleNotification, DownscaleRequest, HealthCheck, InvalidMessage, InternalError,
                          UpscaleRequest, UpscaleConfirmation, DownscaleResult, Unknown>;
struct Message {
  std::uint64_t id = 0;
  Body body;

  friend bool operator==(const Message&, const Message&) = default;
};

Result<Message> decode_from_agent(std::string_view json);
std::string encode_from_agent(const Message& message);
Result<Message> decode_from_monitor(std::string_view json);
std::string encode_from_monitor(const Message& message);

}  // namespace neonvm::wire::monitor
