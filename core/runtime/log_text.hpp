// How a log line is spelled. Private to the runtime; pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/runtime/log.hpp"

namespace neonvm::runtime {

// `room: message key=value key="two words"`; control characters are escaped, so that a line stays one line and a guest's
// words cannot drive a terminal.
std::string log_text(std::string_view room, std::string_view message, std::initializer_list<Field> fields);

// `"room":"…","message":"…","key":"value"`, valid JSON whatever the bytes: what is not UTF-8 becomes U+FFFD.
std::string log_members(std::string_view room, std::string_view message, std::initializer_list<Field> fields);

}  // namespace neonvm::runtime
