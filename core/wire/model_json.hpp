// JSON text of the model: what is stored in objects, crosses the plugin ABI, and stands in manifests.
//
// Strict: unknown keys, wrong types and out-of-range numbers are errors that name the path ("spec.guest.cpus.min").
// Encoding is canonical (sorted keys), so equal values give equal text. VirtualMachine spec and status are upstream's
// vm.neon.tech/v1, field for field; fields of the reference that this build does not act on are kept as they came.
// No JSON library type is visible here, so that its header stays in the .cpp files.
#pragma once

#include <string>
#include <string_view>

#include "core/model/machine.hpp"
#include "core/model/node.hpp"
#include "core/model/object.hpp"
#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::wire {

// spec text + labels + annotations <-> VmSpec. encode_vm_spec writes spec, labels and annotations of `object`, and
// keeps what it does not know in them.
Result<VmSpec> decode_vm_spec(const Object& object);
void encode_vm_spec(const VmSpec& spec, Object& object);
Result<VmStatus> decode_vm_status(std::string_view json);
std::string encode(const VmStatus& status);
// encode_over: the same over the text that stands there, keeping in it what this build does not act on.
std::string encode_over(std::string_view before, const VmStatus& status);

Result<MigrationSpec> decode_migration_spec(std::string_view json);
std::string encode(const MigrationSpec& spec);
std::string encode_over(std::string_view before, const MigrationSpec& spec);
Result<MigrationStatus> decode_migration_status(std::string_view json);
std::string encode(const MigrationStatus& status);
std::string encode_over(std::string_view before, const MigrationStatus& status);

Result<Node> decode_node(const Object& object);
void encode_node(const Node& node, Object& object);
Result<Neighbour> decode_neighbour(std::string_view json);
std::string encode(const Neighbour& neighbour);
Result<RunnerSpec> decode_runner_spec(std::string_view json);
std::string encode(const RunnerSpec& spec);
Result<RunnerStatus> decode_runner_status(std::string_view json);
std::string encode(const RunnerStatus& status);
Result<Authority> decode_authority(std::string_view json);
std::string encode(const Authority& authority);
Result<RunnerAccess> decode_runner_access(std::string_view json);
std::string encode(const RunnerAccess& access);

Result<MachineSpec> decode_machine_spec(std::string_view json);
std::string encode(const MachineSpec& spec);
Result<MachineState> decode_machine_state(std::string_view json);
std::string encode(const MachineState& state);
Result<MachineEvent> decode_machine_event(std::string_view json);
std::string encode(const MachineEvent& event);
Result<MigrationReport> decode_migration_report(std::string_view json);
std::string encode(const MigrationReport& report);
Result<ScalingConfig> decode_scaling_config(std::string_view json);
std::string encode(const ScalingConfig& config);

// Whole objects: {"apiVersion","kind","metadata","spec","status"} as in a manifest or `get -o json`.
Result<Object> decode_object(std::string_view json);
std::string encode_object(const Object& object, int indent = -1);
Result<Event> decode_event(std::string_view json);
std::string encode(const Event& event);

}  // namespace neonvm::wire
