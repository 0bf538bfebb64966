// Line: the text of one reason, written without a heap and without printf: a policy says why at every decision.
//
// Called by policies. A value; holds what the C ABI passes on (NEONVM_REASON_SIZE with its zero) and drops the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm::policy {

// A number to so many significant digits, trailing zeros gone: 15.56. Digits before the point are all shown.
struct Figure {
  double value = 0;
  int digits = 4;
};

// A number with so many digits behind the point.
struct Decimals {
  double value = 0;
  int places = 1;
};

inline Decimals in_mib(double bytes) { return {bytes / static_cast<double>(mib), 1}; }
inline Decimals in_mib(Bytes bytes) { return in_mib(static_cast<double>(bytes.value)); }
inline Figure in_seconds(Duration time) { return {seconds(time), 4}; }

class Line {
 public:
  Line() : Line(true) {}
  // wanted: false for a text that nobody will read: everything is dropped at once.
  explicit Line(bool wanted) : length_(wanted ? 0 : most) {}

  Line& operator<<(std::string_view text);
  Line& operator<<(Figure figure);
  Line& operator<<(Decimals decimals);
  Line& operator<<(double value) { return *this << Figure{value, 4}; }
  Line& operator<<(std::uint64_t value);
  Line& operator<<(std::uint32_t value) { return *this << std::uint64_t{value}; }
  Line& operator<<(std::int64_t value);
  Line& operator<<(int value) { return *this << std::int64_t{value}; }

  [[nodiscard]] std::string_view text() const { return {text_, length_}; }

 private:
  void put_point_number(double value, int places, bool strip);

  static constexpr std::size_t most = 223;
  char text_[most];
  std::size_t length_;
};

}  // namespace neonvm::policy
