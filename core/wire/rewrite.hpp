// Private to wire: writes a value over the text that stood there before, changing no more than was meant.
#pragma once

#include <string>
#include <string_view>

#include "core/wire/writer.hpp"

namespace neonvm::wire {

// Text that is no JSON object is replaced whole.
template <typename T>
std::string rewrite(std::string_view before, const T& value) {
  auto there = parse_json(before);
  return dump_json(Writer::value(value, there ? *there : Json()));
}

}  // namespace neonvm::wire
