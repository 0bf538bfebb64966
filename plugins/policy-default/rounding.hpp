// rounded: std::round of what is not negative, without libm's call: simulate asks for it two hundred million times.
#pragma once

#include <cmath>
#include <cstdint>

namespace neonvm::policy_default {

// REQUIRES x >= 0. The same bits as std::round.
inline double rounded(double x) {
  if (!(x < 0x1p52)) return std::round(x);   // whole already, or no number
  const auto whole = static_cast<double>(static_cast<std::int64_t>(x));
  return x - whole >= 0.5 ? whole + 1 : whole;
}

}  // namespace neonvm::policy_default
