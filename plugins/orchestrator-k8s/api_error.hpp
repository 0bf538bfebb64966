// api_error: an API server's refusal (a Status object, or whatever else came) as our Error. Pure.
//
// The text is for people: what was tried, what the server said with its causes, and the next step where there is one.
// It is made fit for a terminal, and short.
#pragma once

#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::k8s {

// what: "get VirtualMachine web".
Error api_error(const std::string& what, int http_status, std::string_view body);
// 410, as a status or inside of an ERROR event: the place of a watch or of a list is forgotten.
bool is_gone(int http_status, std::string_view body);

}  // namespace neonvm::k8s
