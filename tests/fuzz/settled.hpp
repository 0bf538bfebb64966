// For fuzz targets: what was read can be written, read again, and written the same.
//
// A fault traps, so that libFuzzer keeps the input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace neonvm::fuzz {

inline void require(bool kept, std::string_view what, std::string_view text) {
  if (kept) return;
  std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(what.size()), what.data(), static_cast<int>(text.size()),
               text.data());
  std::abort();
}

template <typename Decode, typename Encode>
void settles(std::string_view input, Decode decode, Encode encode) {
  const auto first = decode(input);
  if (!first.ok()) {
    require(!first.error().message.empty(), "an error without a word", input);
    return;
  }
  const std::string written = encode(*first);
  const auto second = decode(std::string_view(written));
  require(second.ok(), "what was written cannot be read", written);
  require(encode(*second) == written, "what was read again is written otherwise", written);
}

}  // namespace neonvm::fuzz
