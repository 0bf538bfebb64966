// Corrections: how often outside input that cannot be true was put right. Kept by those who decide, shown by their
// callers as counters: a number that rises names a broken clock, a broken writer or a broken node.
#pragma once

#include <cstdint>

namespace neonvm::decide {

struct Corrections {
  std::uint64_t clock = 0;       // an Instant before one seen already: the later one was taken
  std::uint64_t revision = 0;    // older than one seen already: passed over
  std::uint64_t size = 0;        // out of its range: moved into it

  friend bool operator==(const Corrections&, const Corrections&) = default;
};

}  // namespace neonvm::decide
