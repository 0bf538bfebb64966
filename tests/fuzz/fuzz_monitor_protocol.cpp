// Upstream's monitor protocol, both ends.
#include <cstddef>
#include <cstdint>

#include "core/wire/monitor_protocol.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm::wire;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  neonvm::fuzz::settles(text, monitor::decode_from_agent, monitor::encode_from_agent);
  neonvm::fuzz::settles(text, monitor::decode_from_monitor, monitor::encode_from_monitor);
  neonvm::fuzz::settles(text, monitor::decode_range, monitor::encode_range);
  neonvm::fuzz::settles(text, monitor::decode_version, monitor::encode_version);
  return 0;
}
