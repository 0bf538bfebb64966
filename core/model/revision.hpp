// Revision: the number that follows one decision through every process (upstream's RevisionWithTime).
//
// Value 0 is "no revision". Drawn by the agent for each new target (and by `neonvm scale`), written to
// spec.targetRevision, echoed by the runner and to status.currentRevision once the VM has the size.
#pragma once

#include <compare>
#include <cstdint>

namespace neonvm {

struct Revision {
  static constexpr std::uint64_t upscale = 1;    // upstream's flag bits; both may be set
  static constexpr std::uint64_t downscale = 2;

  std::int64_t value = 0;
  std::uint64_t flags = 0;

  friend bool operator==(const Revision&, const Revision&) = default;
};

}  // namespace neonvm
