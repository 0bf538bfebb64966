// Messages of a runner's peers, and the documents that they carry.
#include <cstddef>
#include <cstdint>

#include "core/wire/model_json.hpp"
#include "core/wire/runner_protocol.hpp"
#include "tests/fuzz/settled.hpp"

using namespace neonvm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto write = [](const auto& value) { return wire::encode(value); };
  fuzz::settles(text, wire::decode_runner_message, write);
  fuzz::settles(text, wire::decode_exec_request, write);
  fuzz::settles(text, wire::decode_exec_end, write);
  fuzz::settles(text, wire::decode_machine_spec, write);
  fuzz::settles(text, wire::decode_machine_state, write);
  fuzz::settles(text, wire::decode_machine_event, write);
  (void)wire::runner_message_id(text);
  return 0;
}
