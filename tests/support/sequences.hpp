// How many random sequences a law is tried with.
//
// Call before rc::check. NEONVM_SEQUENCES=20 in the environment tries twenty times as many; RC_PARAMS
// ("max_success=1000000 seed=42") has the last word. rapidcheck prints the seed, and of a failure the RC_PARAMS that
// bring it again.
#pragma once

#include <cstdlib>
#include <string>

namespace neonvm::tests {

inline void sequences(unsigned count, unsigned max_size = 100) {
  const char* more = std::getenv("NEONVM_SEQUENCES");
  const long times = more == nullptr ? 1 : std::strtol(more, nullptr, 10);
  const unsigned long total = count * static_cast<unsigned long>(times < 1 ? 1 : times);
  const std::string params = "max_success=" + std::to_string(total) + " max_size=" + std::to_string(max_size);
  setenv("RC_PARAMS", params.c_str(), 0);
}

}  // namespace neonvm::tests
