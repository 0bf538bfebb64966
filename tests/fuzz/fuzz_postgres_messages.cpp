// What a server, or whoever sits at its socket, may send to the Postgres hook; and the notes that it has kept.
#include <cstdint>
#include <string>

#include "guest/postgres/advice.hpp"
#include "guest/postgres/messages.hpp"

using namespace neonvm::guest::postgres;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto known = decode_known(bytes);
  if (known && decode_known(encode(*known)) != known) __builtin_trap();
  for (;;) {
    const std::size_t before = bytes.size();
    auto message = take_message(bytes);
    if (!message || !*message) break;
    if (bytes.size() + 5 + (*message)->body.size() != before) __builtin_trap();
    if (const auto row = row_of((*message)->body); row && row->size() > 65535) __builtin_trap();
    if (error_of((*message)->body).message.find('\n') != std::string::npos) __builtin_trap();
    (void)authentication((*message)->body);
  }
  return 0;
}
