// A hypervisor that answers fixed values and notes what it was asked, made a plugin by the SDK.
#pragma once

#include "core/plugin/plugin_sdk.hpp"
#include "tests/core/plugin/script.hpp"

extern "C" const neonvm_plugin_descriptor* neonvm_plugin_v1_hypervisor_scripted(void);

namespace neonvm::plugin {

// Every field of each differs from its default.
MachineSpec sample_spec();
MachineState sample_state();
MigrationReport sample_report();
MachineEvent sample_event();
MigrationSpec sample_limits();

}  // namespace neonvm::plugin
