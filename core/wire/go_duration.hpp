// Durations as Go and Kubernetes write them: "24h", "1h30m", "1.5s", "300ms", "-2h" (time.ParseDuration).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/instant.hpp"

namespace neonvm::wire {

// None: not one, or one that does not fit (292 years). Units h, m, s, ms, us, µs and ns; only "0" needs none.
std::optional<Duration> parse_go_duration(std::string_view text);
// Whole seconds, as Kubernetes writes it: "24h0m0s". REQUIRES duration >= 0.
std::string go_duration(Duration duration);

}  // namespace neonvm::wire
