// memory_zones: what /proc/zoneinfo and /proc/meminfo say of where memory lies and what holds it.
//
// Called by guest/procfs, the tests and the fuzzer. Pure: text in, numbers out. Failure: what is missing or no number is
// absent; none at all when there is no zone.
#pragma once

#include <optional>
#include <string_view>

#include "core/model/metrics.hpp"

namespace neonvm::guest {

// `page`: bytes of one. Without the guest's floor, which only its monitor knows.
std::optional<MemoryLayout> read_memory_layout(std::string_view zoneinfo, std::string_view meminfo, std::uint64_t page = 4096);

}  // namespace neonvm::guest
