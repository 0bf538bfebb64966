#include "core/wire/machine_fields.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::wire {

Result<MachineSpec> decode_machine_spec(std::string_view json) { return read_text<MachineSpec>(json, Keys::strict); }
std::string encode(const MachineSpec& spec) { return write_text(spec); }

Result<MachineState> decode_machine_state(std::string_view json) {
  return read_text<MachineState>(json, Keys::strict);
}
std::string encode(const MachineState& state) { return write_text(state); }

Result<MachineEvent> decode_machine_event(std::string_view json) {
  return read_text<MachineEvent>(json, Keys::strict);
}
std::string encode(const MachineEvent& event) { return write_text(event); }

}  // namespace neonvm::wire
