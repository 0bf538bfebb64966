#include "core/wire/pod_usage.hpp"

#include "core/wire/json.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

std::map<std::string, std::string> encode_pod_usage(const VmSpec& spec, std::string_view spec_text) {
  const std::uint64_t slot = spec.memory.slot_size.value == 0 ? 1 : spec.memory.slot_size.value;
  const auto slots = [slot](Bytes memory) { return memory.value / slot; };
  const Json resources = {
      {"cpus", {{"min", json_of(spec.cpu.min)}, {"max", json_of(spec.cpu.max)}, {"use", json_of(spec.cpu.use)}}},
      {"memorySlots", {{"min", slots(spec.memory.min)}, {"max", slots(spec.memory.max)}, {"use", slots(spec.memory.use)}}},
      {"memorySlotSize", to_string(spec.memory.slot_size)}};
  const Json usage = {{"cpu", to_string(spec.cpu.use)}, {"memory", to_string(spec.memory.use)}};
  std::map<std::string, std::string> all{{vm_resources_annotation, dump_json(resources)}, {usage_annotation, dump_json(usage)}};
  if (const auto json = parse_json(spec_text); json && json->is_object()) {
    const auto overcommit = json->find("overcommit");
    if (overcommit != json->end() && overcommit->is_object()) all[overcommit_annotation] = dump_json(*overcommit);
  }
  return all;
}

}  // namespace neonvm::wire
