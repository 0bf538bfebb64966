#include "core/wire/log_request.hpp"

#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<LogRequest> auto& r) {
  v.field_or("tail", r.tail, -1);
  v.field_or("follow", r.follow, false);
}

Result<LogRequest> decode_log_request(std::string_view json) { return read_text<LogRequest>(json, Keys::lenient); }
std::string encode(const LogRequest& request) { return write_text(request); }

}  // namespace neonvm::wire
