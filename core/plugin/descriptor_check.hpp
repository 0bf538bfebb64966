// descriptor_check: may this plugin be used by this program? Version rule and required slots of neonvm_plugin.h.
//
// Called by the catalog before anything of a plugin is called but its getter. Pure. Failure: one Error whose message is
// the reason that `neonvm plugins` shows.
#pragma once

#include <string_view>

#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

Status check_descriptor(const neonvm_plugin_descriptor* descriptor);

// "policy", …; "unknown" for other numbers.
std::string_view kind_name(std::int32_t kind);

}  // namespace neonvm::plugin
