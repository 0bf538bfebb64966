// Sizes and CPUs as people write them.
#include <cstddef>
#include <cstdint>

#include "core/model/object.hpp"
#include "core/model/resources.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto write = [](const auto& value) { return to_string(value); };
  fuzz::settles(text, [](std::string_view t) { return parse_bytes(t); }, write);
  fuzz::settles(text, [](std::string_view t) { return parse_milli_cpu(t); }, write);
  (void)check_name(text);
  return 0;
}
