// An orchestrator that answers fixed values, notes what it was asked, and has a watch that really blocks; made a plugin
// by the SDK.
#pragma once

#include "core/plugin/plugin_sdk.hpp"
#include "tests/core/plugin/script.hpp"

extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_orchestrator_scripted(void);

namespace neonvm::plugin {

Object sample_object(const std::string& name);
Event sample_happening();

// A change for the one watch.
void push(Change change);
// True once some thread waits in Watch::next.
bool somebody_waits();

}  // namespace neonvm::plugin
