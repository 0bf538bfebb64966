// MilliCpu, Bytes, Resources: how much of a machine.
//
// MilliCpu counts thousandths of a CPU (0 .. 4,294,967,295), Bytes counts bytes (0 .. 2^64-1). Sums saturate at the
// type's end, differences at 0: nothing here wraps. Text is Kubernetes' resource.Quantity; parsing rounds up to whole
// units as Kubernetes does. fits_in is a partial order: two sizes can each exceed the other in one field.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm {

struct MilliCpu {
  std::uint32_t value = 0;

  // CPUs that a guest must have online to get this much: ceil(value / 1000).
  [[nodiscard]] constexpr std::uint32_t whole_cpus() const { return value / 1000 + (value % 1000 != 0 ? 1 : 0); }
  [[nodiscard]] constexpr double cpus() const { return value / 1000.0; }
  friend constexpr auto operator<=>(MilliCpu, MilliCpu) = default;
};

struct Bytes {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(Bytes, Bytes) = default;
};

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;

MilliCpu operator+(MilliCpu a, MilliCpu b);
MilliCpu operator-(MilliCpu a, MilliCpu b);
Bytes operator+(Bytes a, Bytes b);
Bytes operator-(Bytes a, Bytes b);

struct Resources {
  MilliCpu cpu;
  Bytes memory;

  friend constexpr bool operator==(const Resources&, const Resources&) = default;
};

Resources operator+(const Resources& a, const Resources& b);
Resources operator-(const Resources& a, const Resources& b);
Resources operator*(const Resources& unit, std::uint32_t factor);

// a <= b in both fields.
constexpr bool fits_in(const Resources& a, const Resources& b) { return a.cpu <= b.cpu && a.memory <= b.memory; }
constexpr bool exceeds_somewhere(const Resources& a, const Resources& b) { return !fits_in(a, b); }
constexpr Resources field_max(const Resources& a, const Resources& b) {
  return {std::max(a.cpu, b.cpu), std::max(a.memory, b.memory)};
}
constexpr Resources field_min(const Resources& a, const Resources& b) {
  return {std::min(a.cpu, b.cpu), std::min(a.memory, b.memory)};
}
// REQUIRES fits_in(low, high).
constexpr Resources clamp(const Resources& r, const Resources& low, const Resources& high) {
  return field_max(field_min(r, high), low);
}

constexpr Bytes round_up(Bytes b, std::uint64_t multiple) {
  const std::uint64_t rest = b.value % multiple;
  return rest == 0 ? b : Bytes{b.value + (multiple - rest)};
}
constexpr Bytes round_down(Bytes b, std::uint64_t multiple) { return Bytes{b.value - b.value % multiple}; }

// "2", "0.25", "250m", "1e3m" is not a quantity. Errors name the text and what is accepted.
Result<MilliCpu> parse_milli_cpu(std::string_view text);
// "512Mi", "1Gi", "1.5Gi", "1000000", "1G", "2e9". At most 2^63-1.
Result<Bytes> parse_bytes(std::string_view text);

// Canonical quantity: "250m", "2"; "1536Mi", "1Gi", "1023". Parses back to the same value.
std::string to_string(MilliCpu cpu);
std::string to_string(Bytes bytes);
// "2 CPU, 1Gi"
std::string to_string(const Resources& r);

}  // namespace neonvm
