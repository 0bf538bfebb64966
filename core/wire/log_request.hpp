// LogRequest: the first message on a runner's /v1/log: {"tail":20,"follow":true}. Not in the query: an API server that hands a
// WebSocket on to a pod drops it.
//
// Called by daemon/log_door and cli/logs. Failure: invalid_argument that names the member; unknown ones are passed over.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::wire {

struct LogRequest {
  std::int64_t tail = -1;              // last lines; negative: all
  bool follow = false;

  friend bool operator==(const LogRequest&, const LogRequest&) = default;
};

Result<LogRequest> decode_log_request(std::string_view json);
std::string encode(const LogRequest& request);

}  // namespace neonvm::wire
