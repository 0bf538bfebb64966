#include "core/model/resources.hpp"

#include <cctype>
#include <limits>
#include <optional>

namespace neonvm {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t largest_bytes = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t largest_milli = std::numeric_limits<std::uint32_t>::max();
// More of a fraction cannot change a whole unit: 2^60 (Ei) * 10^-20 is far below one byte.
constexpr int fraction_digits = 20;
// Beyond this every number is too large or rounds up to one unit; keeps sums of exponents far from overflow.
constexpr long largest_exponent = 10'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// digits * 10^(point - digits.size()) * 2^binary: the decimal point stands before digits[point].
struct Number {
  std::string digits;
  long point = 0;
  unsigned binary = 0;
};

struct Suffix {
  std::string_view text;
  int decimal;
  unsigned binary;
};

constexpr Suffix suffixes[] = {
    {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},   {"G", 9, 0},   {"T", 12, 0},
    {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20}, {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
};

std::optional<long> parse_exponent(std::string_view text) {
  if (text.size() < 2 || (text[0] != 'e' && text[0] != 'E')) return std::nullopt;
  text.remove_prefix(1);
  const bool negative = text[0] == '-';
  if (text[0] == '-' || text[0] == '+') text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  long value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = std::min(value * 10 + (c - '0'), largest_exponent);
  }
  return negative ? -value : value;
}

bool apply_suffix(std::string_view text, Number& number) {
  if (const auto exponent = parse_exponent(text)) {
    number.point += *exponent;
    return true;
  }
  for (const Suffix& suffix : suffixes) {
    if (suffix.text != text) continue;
    number.point += suffix.decimal;
    number.binary = suffix.binary;
    return true;
  }
  return false;
}

std::optional<Number> parse_number(std::string_view text) {
  Number number;
  std::size_t at = 0;
  while (at < text.size() && is_digit(text[at])) number.digits += text[at++];
  number.point = static_cast<long>(number.digits.size());
  if (at < text.size() && text[at] == '.') {
    ++at;
    while (at < text.size() && is_digit(text[at])) number.digits += text[at++];
  }
  if (number.digits.empty() || !apply_suffix(text.substr(at), number)) return std::nullopt;
  return number;
}

int digit_at(const Number& number, long position) {
  if (position < 0 || position >= static_cast<long>(number.digits.size())) return 0;
  return number.digits[static_cast<std::size_t>(position)] - '0';
}

bool has_digit_from(const Number& number, long position) {
  const auto start = static_cast<std::size_t>(std::max(position, 0L));
  return start < number.digits.size() && number.digits.find_first_not_of('0', start) != std::string::npos;
}

// Rounded up to a whole; none when above `limit`.
std::optional<std::uint64_t> round_up_to_whole(const Number& number, std::uint64_t limit) {
  Wide whole = 0;
  for (long i = 0; i < number.point; ++i) {
    whole = whole * 10 + static_cast<Wide>(digit_at(number, i));
    if (whole > limit) return std::nullopt;
  }
  Wide fraction = 0;
  Wide one = 1;
  for (long i = number.point; i < number.point + fraction_digits; ++i) {
    fraction = fraction * 10 + static_cast<Wide>(digit_at(number, i));
    one *= 10;
  }
  const bool more = has_digit_from(number, number.point + fraction_digits);
  const Wide part = fraction << number.binary;
  const Wide up = part % one != 0 || more ? 1 : 0;
  const Wide value = (whole << number.binary) + part / one + up;
  if (value > limit) return std::nullopt;
  return static_cast<std::uint64_t>(value);
}

Error refusal(std::string_view text, const std::string& why) {
  // Input may be megabytes of anything; a message shows only its beginning.
  constexpr std::size_t shown = 40;
  std::string quoted;
  for (const char c : text.substr(0, shown)) quoted += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  if (text.size() > shown) quoted += "...";
  return Error{Code::invalid_argument, "\"" + quoted + "\" " + why};
}

Result<std::uint64_t> parse_quantity(std::string_view text, int unit_exponent, std::uint64_t limit,
                                     const std::string& accepted, const std::string& too_large) {
  std::string_view rest = text;
  if (!rest.empty() && rest[0] == '-') return refusal(text, "is negative; give " + accepted);
  if (!rest.empty() && rest[0] == '+') rest.remove_prefix(1);
  std::optional<Number> number = parse_number(rest);
  if (!number) return refusal(text, "is not a quantity; give " + accepted);
  number->point += unit_exponent;
  const auto value = round_up_to_whole(*number, limit);
  if (!value) return refusal(text, "is too large; give " + too_large);
  return *value;
}

std::string with_fraction(std::uint32_t milli) {
  std::string text = std::to_string(milli / 1000);
  if (milli % 1000 == 0) return text;
  std::string fraction = std::to_string(1000 + milli % 1000).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return text + "." + fraction;
}

}  // namespace

MilliCpu operator+(MilliCpu a, MilliCpu b) {
  const std::uint64_t sum = std::uint64_t{a.value} + b.value;
  return MilliCpu{static_cast<std::uint32_t>(std::min(sum, largest_milli))};
}

MilliCpu operator-(MilliCpu a, MilliCpu b) { return MilliCpu{a.value > b.value ? a.value - b.value : 0}; }

Bytes operator+(Bytes a, Bytes b) {
  const std::uint64_t sum = a.value + b.value;
  return Bytes{sum < a.value ? std::numeric_limits<std::uint64_t>::max() : sum};
}

Bytes operator-(Bytes a, Bytes b) { return Bytes{a.value > b.value ? a.value - b.value : 0}; }

Resources operator+(const Resources& a, const Resources& b) { return {a.cpu + b.cpu, a.memory + b.memory}; }
Resources operator-(const Resources& a, const Resources& b) { return {a.cpu - b.cpu, a.memory - b.memory}; }

Resources operator*(const Resources& unit, std::uint32_t factor) {
  const Wide cpu = std::min<Wide>(Wide{unit.cpu.value} * factor, largest_milli);
  const Wide memory = std::min<Wide>(Wide{unit.memory.value} * factor, std::numeric_limits<std::uint64_t>::max());
  return {MilliCpu{static_cast<std::uint32_t>(cpu)}, Bytes{static_cast<std::uint64_t>(memory)}};
}

Result<MilliCpu> parse_milli_cpu(std::string_view text) {
  const auto value = parse_quantity(text, 3, largest_milli, "a number of CPUs, such as 2, 0.25 or 250m", "at most 4294967");
  if (!value) return value.error();
  return MilliCpu{static_cast<std::uint32_t>(*value)};
}

Result<Bytes> parse_bytes(std::string_view text) {
  const auto value = parse_quantity(text, 0, largest_bytes, "a size, such as 512Mi, 1.5Gi or 1000000", "less than 8Ei");
  if (!value) return value.error();
  return Bytes{*value};
}

std::string to_string(MilliCpu cpu) {
  if (cpu.value % 1000 == 0) return std::to_string(cpu.value / 1000);
  return std::to_string(cpu.value) + "m";
}

std::string to_string(Bytes bytes) {
  constexpr const char* units[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  std::uint64_t value = bytes.value;
  std::size_t unit = 0;
  while (value != 0 && value % 1024 == 0) {
    value /= 1024;
    ++unit;
  }
  return std::to_string(value) + units[unit];
}

std::string to_string(const Resources& r) { return with_fraction(r.cpu.value) + " CPU, " + to_string(r.memory); }

}  // namespace neonvm
