// What a guest broadcasts on its pod's bridge. What is answered is a whole packet with the one address in it, or with none.
#include <cstdint>
#include <string_view>

#include "core/wire/dhcp.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace neonvm;
  const auto question = wire::decode_dhcp({reinterpret_cast<const char*>(data), size});
  if (!question) return 0;
  wire::DhcpLease lease;
  lease.mac = question->mac;
  lease.address = ipv4(0xa9fefefe);
  lease.server = ipv4(0xa9fefefd);
  const auto answer = wire::answer_dhcp(*question, lease);
  if (!answer) return 0;
  const std::string_view given = std::string_view(*answer).substr(16, 4);
  if (answer->size() < 300 || (given != "\xa9\xfe\xfe\xfe" && given != std::string_view("\0\0\0\0", 4))) __builtin_trap();
  return 0;
}
