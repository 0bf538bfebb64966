// base64 with padding (RFC 4648 section 4). Decoding is strict: no line breaks, no stray bits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace neonvm::wire {

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace neonvm::wire
