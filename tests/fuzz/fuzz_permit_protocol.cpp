// Requests and answers of the permit protocol, from any pod that can reach the port; and of leases.
#include <cstddef>
#include <cstdint>

#include "core/wire/headroom_protocol.hpp"
#include "core/wire/permit_protocol.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto write = [](const auto& value) { return wire::encode(value); };
  fuzz::settles(text, wire::decode_permit_request, write);
  fuzz::settles(text, wire::decode_permit_response, write);
  fuzz::settles(text, wire::decode_headroom_request, write);
  fuzz::settles(text, wire::decode_headroom_answer, write);
  return 0;
}
