#include "core/wire/model_json.hpp"
#include "core/wire/scaling_fields.hpp"

namespace neonvm::wire {

Result<ScalingConfig> decode_scaling_config(std::string_view json) {
  return read_text<ScalingConfig>(json, Keys::strict);
}
std::string encode(const ScalingConfig& config) { return write_text(config); }

}  // namespace neonvm::wire
