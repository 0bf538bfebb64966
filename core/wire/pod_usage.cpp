#include "core/wire/pod_usage.hpp"

#include "core/wire/json.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

PodUsage pod_usage(const VmSpec& spec, std::string_view spec_text) {
  PodUsage usage{spec.cpu, spec.memory, ""};
  if (const auto json = parse_json(spec_text); json && json->is_object()) {
    const auto overcommit = json->find("overcommit");
    if (overcommit != json->end() && overcommit->is_object()) usage.overcommit = dump_json(*overcommit);
  }
  return usage;
}

std::map<std::string, std::string> encode(const PodUsage& usage) {
  const std::uint64_t slot = usage.memory.slot_size.value == 0 ? 1 : usage.memory.slot_size.value;
  const auto slots = [slot](Bytes memory) { return memory.value / slot; };
  const Json resources = {
      {"cpus", {{"min", json_of(usage.cpu.min)}, {"max", json_of(usage.cpu.max)}, {"use", json_of(usage.cpu.use)}}},
      {"memorySlots", {{"min", slots(usage.memory.min)}, {"max", slots(usage.memory.max)}, {"use", slots(usage.memory.use)}}},
      {"memorySlotSize", to_string(usage.memory.slot_size)}};
  const Json now = {{"cpu", to_string(usage.cpu.use)}, {"memory", to_string(usage.memory.use)}};
  std::map<std::string, std::string> all{{vm_resources_annotation, dump_json(resources)}, {usage_annotation, dump_json(now)}};
  if (!usage.overcommit.empty()) all[overcommit_annotation] = usage.overcommit;
  return all;
}

}  // namespace neonvm::wire
