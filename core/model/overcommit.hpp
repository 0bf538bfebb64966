// Overcommit: by how much a VM may be promised more than it takes from its node (spec.overcommit).
#pragma once

#include <cstdint>

namespace neonvm {

// Thousandths: with 2500 a size counts as size / 2.5, rounded up. Below 1000: counts as 1000.
struct Overcommit {
  std::uint32_t cpu = 1000, memory = 1000;
  friend bool operator==(const Overcommit&, const Overcommit&) = default;
};

}  // namespace neonvm
