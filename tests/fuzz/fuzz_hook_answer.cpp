// A hook's answer: programs of the guest write it. What is taken is written so that it is taken again, and makes a page.
#include <cstdint>
#include <string>
#include <string_view>

#include "core/wire/hook_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)neonvm::wire::decode_hook_question(text);
  const auto answer = neonvm::wire::decode_hook_answer(text);
  if (!answer) return 0;
  const auto again = neonvm::wire::decode_hook_answer(neonvm::wire::encode(*answer));
  if (!again || !(*again == *answer)) __builtin_trap();
  return 0;
}
