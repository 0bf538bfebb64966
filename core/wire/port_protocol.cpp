#include "core/wire/port_protocol.hpp"

#include "core/wire/common_fields.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<PortAnswer> auto& a) {
  v.field_or("mtu", a.mtu, 0);
  v.field("why", a.why);
}

Result<PortAnswer> decode_port_answer(std::string_view json) { return read_text<PortAnswer>(json, Keys::strict); }
std::string encode(const PortAnswer& answer) { return write_text(answer); }

}  // namespace neonvm::wire
