#include "core/wire/guest_plan.hpp"

#include "core/wire/guest_plan_fields.hpp"

namespace neonvm::wire {

Result<GuestPlan> decode_guest_plan(std::string_view json) { return read_text<GuestPlan>(json, Keys::lenient); }

std::string encode(const GuestPlan& plan) {
  Writer writer;
  describe(writer, plan);
  return writer.take().dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace neonvm::wire
