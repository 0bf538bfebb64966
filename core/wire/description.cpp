#include "core/wire/description.hpp"

#include "core/wire/model_json.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

Json of_zone(Bytes size, Bytes room) { return {{"size", size.value}, {"room", room.value}}; }

Json of_plan(const MemoryPlan& plan) {
  Json held = Json::object();
  for (const Held& each : plan.held) held[label_of(each.holder)] = each.amount.value;
  Json json = {{"size", plan.size.value},
               {"floor", plan.floor.value},
               {"reclaimable", plan.reclaimable.value},
               {"inKernelZone", plan.in_kernel_zone.value},
               {"held", held},
               {"zones", {{"kernel", of_zone(plan.kernel_size, plan.kernel_room)}, {"movable", of_zone(plan.movable_size, plan.movable_free)}}},
               {"most", plan.most.value}};
  if (!plan.most_why.empty()) json["mostWhy"] = plan.most_why;
  return json;
}

}  // namespace

std::string encode_description(const Object& vm, const std::optional<MemoryPlan>& plan, int indent) {
  Json json = Json::object();
  if (auto stored = parse_json(encode_object(vm))) json["vm"] = std::move(*stored);
  if (plan) json["memoryPlan"] = of_plan(*plan);
  return dump_json(json, indent);
}

}  // namespace neonvm::wire
