#include "tests/core/wire/draw.hpp"

#include <rapidcheck.h>

namespace neonvm::draw {

bool coin() { return *rc::gen::arbitrary<bool>(); }

std::uint64_t below(std::uint64_t end) { return *rc::gen::inRange<std::uint64_t>(0, end); }

std::uint64_t number() {
  if (coin()) return *rc::gen::resize(1000, rc::gen::arbitrary<std::uint64_t>());
  return below(10);
}

std::int64_t whole() { return static_cast<std::int64_t>(number()); }

double real() {
  if (coin()) return static_cast<double>(whole()) / 1024;
  return *rc::gen::arbitrary<double>();
}

double maybe_real() { return coin() ? real() : absent; }

std::string text() {
  static const std::vector<std::string> pieces = {"a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", ",", "=", ":", "{", "}",
                                                  "[", "é", "漢", "🐘", "\x01", "\x7f", "null", "true", "1Gi"};
  std::string all;
  for (std::uint64_t i = below(6); i > 0; --i) all += pieces[below(pieces.size())];
  return all;
}

std::string label() {
  std::string name = "a";
  for (std::uint64_t i = below(12); i > 0; --i) name += "abcxyz019-"[below(10)];
  return name + "z";
}

std::string raw() { return *rc::gen::arbitrary<std::string>(); }

MilliCpu cpu() { return MilliCpu{static_cast<std::uint32_t>(number())}; }

Bytes size() {
  const Bytes any{coin() ? number() : below(5000) * mib};
  return is_known(any) ? any : Bytes{0};
}

Bytes maybe_size() { return coin() ? size() : unknown; }

Resources resources() { return {cpu(), size()}; }

Revision revision() { return {whole(), below(4)}; }

Duration millis() { return std::chrono::milliseconds{below(1'000'000'000'000)}; }

Duration whole_seconds() { return std::chrono::seconds{below(1'000'000)}; }

WallTime time() {
  constexpr std::uint64_t year_9999 = 253402300799;
  const std::uint64_t rest = coin() ? below(1000) : 0;
  return WallTime{std::chrono::milliseconds{below(year_9999) * 1000 + rest}};
}

std::map<std::string, std::string> texts() {
  std::map<std::string, std::string> all;
  for (std::uint64_t i = below(4); i > 0; --i) all[label()] = text();
  return all;
}

}  // namespace neonvm::draw
