#include "core/model/result.hpp"

namespace neonvm {

const char* to_string(Code code) {
  switch (code) {
    case Code::invalid_argument: return "invalid argument";
    case Code::not_found: return "not found";
    case Code::already_exists: return "already exists";
    case Code::conflict: return "conflict";
    case Code::out_of_capacity: return "out of capacity";
    case Code::unavailable: return "unavailable";
    case Code::deadline_exceeded: return "deadline exceeded";
    case Code::cancelled: return "cancelled";
    case Code::refused: return "refused";
    case Code::unsupported: return "unsupported";
    case Code::permission_denied: return "permission denied";
    case Code::data_loss: return "data loss";
    case Code::internal: return "internal error";
    case Code::failed_precondition: return "failed precondition";
  }
  return "unknown code";
}

Error Error::at(std::string_view place) const {
  std::string text(place);
  text += ": ";
  text += message;
  return Error{code, std::move(text)};
}

bool is_transient(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded || code == Code::conflict ||
         code == Code::out_of_capacity;
}

}  // namespace neonvm
