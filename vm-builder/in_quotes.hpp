// in_quotes: a name from an image as it may stand in a message: in double quotes, control bytes and bytes that are no UTF-8
// as \xNN, cut after 200 letters. Pure.
#pragma once

#include <string>
#include <string_view>

namespace neonvm::builder {

std::string in_quotes(std::string_view name);
// Complete and well-formed, RFC 3629: no overlong forms, no surrogates.
bool is_utf8(std::string_view text);

}  // namespace neonvm::builder
