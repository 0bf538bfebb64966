// Agent <-> scheduler: "may this VM have so much?". Upstream's protocol, version 7 (autoscaling.md 5), byte-compatible.
//
// The agent asks before it grows and tells after it has shrunk, so that the scheduler always holds an upper bound.
// Unknown request members are ignored, as upstream does; a missing or ill-typed known one is invalid_argument.
// Example: {"protoVersion":7,"pod":{"namespace":"default","name":"web-x1"},"computeUnit":{"vCPUs":"250m","mem":"1Gi"},
//           "resources":{"vCPUs":"500m","mem":"2Gi"},"lastPermit":null,"metrics":{"loadAvg1M":0.3}}
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/headroom.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

constexpr int permit_protocol_version = 7;

struct PermitRequest {
  int version = permit_protocol_version;
  std::string ns = "default";
  std::string runner;                       // upstream's pod name
  Resources compute_unit;
  Resources wanted;
  std::optional<Resources> last_permit;
  std::optional<double> load1;
  AskId asked{};                            // ours: {"neonvm":{"life":…,"question":…}}; left out where an agent has no leases

  friend bool operator==(const PermitRequest&, const PermitRequest&) = default;
};

struct PermitResponse {
  Resources permit;
  bool migrate = false;                     // the VM is to leave this node

  friend bool operator==(const PermitResponse&, const PermitResponse&) = default;
};

Result<PermitRequest> decode_permit_request(std::string_view json);
std::string encode(const PermitRequest& request);
Result<PermitResponse> decode_permit_response(std::string_view json);
std::string encode(const PermitResponse& response);

}  // namespace neonvm::wire
