// Lines from a guest that may have been taken over.
#include <cstddef>
#include <cstdint>

#include "core/wire/guest_protocol.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  fuzz::settles(line, wire::decode_guest_message, [](const wire::GuestMessage& m) { return wire::encode(m); });
  fuzz::settles(line, wire::decode_guest_sample, [](const GuestSample& s) { return wire::encode(s); });
  return 0;
}
