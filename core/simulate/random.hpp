// Random: numbers that are the same on every machine for a seed (the standard's distributions are not).
//
// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Threads: a value.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

namespace neonvm::simulate {

constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

// FNV-1a, for seeds from names.
constexpr std::uint64_t hashed(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(mixed(seed)) {}

  constexpr std::uint64_t bits() { return mixed(state_ += 0x9e3779b97f4a7c15u); }
  // [0, 1)
  constexpr double share() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  constexpr double between(double low, double high) { return low + (high - low) * share(); }
  // [0, count); REQUIRES count > 0
  constexpr std::uint64_t below(std::uint64_t count) { return bits() % count; }
  constexpr bool chance(double probability) { return share() < probability; }
  double exponential(double mean) { return -mean * std::log1p(-share()); }
  // Pareto with least value `low` and tail index `alpha`.
  double pareto(double low, double alpha) { return low / std::pow(1 - share(), 1 / alpha); }

 private:
  std::uint64_t state_;
};

}  // namespace neonvm::simulate
