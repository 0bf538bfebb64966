// What a kube-scheduler says to its extender, and the pods in it.
#include <cstddef>
#include <cstdint>

#include "core/wire/extender_protocol.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto write = [](const auto& value) { return wire::encode(value); };
  fuzz::settles(text, wire::decode_extender_args, write);
  fuzz::settles(text, wire::decode_extender_binding, write);
  fuzz::settles(text, wire::decode_host_scores, write);
  fuzz::settles(text, wire::decode_pod, wire::encode_pod);
  fuzz::settles(text, wire::decode_extender_filter_result, [](const auto& result) { return wire::encode(result, {}); });
  fuzz::settles(text, wire::decode_extender_binding_result, wire::encode_extender_binding_result);
  return 0;
}
