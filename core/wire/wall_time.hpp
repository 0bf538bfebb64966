// WallTime <-> RFC 3339 text, as Kubernetes writes it: "2025-09-23T10:00:00Z", with milliseconds only
// when there are some. Offsets are read, and written as Z. Years 1 to 9999.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/instant.hpp"

namespace neonvm::wire {

std::string rfc3339(WallTime time);
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace neonvm::wire
