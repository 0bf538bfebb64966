#include "core/wire/state.hpp"

#include "core/wire/json.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {
namespace {

Json size(const Resources& r) { return {{"cpu", json_of(r.cpu)}, {"memory", json_of(r.memory)}}; }

Json tree(const HolderState& h) {
  Json json = {{"holder", h.holder}, {"vm", h.vm}, {"granted", size(h.granted)}, {"actual", size(h.actual)}, {"taken", size(h.taken)}};
  if (h.overhead != Resources{}) json["overhead"] = size(h.overhead);
  if (h.overcommit != Overcommit{}) json["overcommit"] = {{"cpu", json_of(MilliCpu{h.overcommit.cpu})}, {"memory", json_of(MilliCpu{h.overcommit.memory})}};
  if (h.leaving) json["leaving"] = true;
  if (!h.confirmed) json["confirmed"] = false;
  return json;
}

Json tree(const NodeState& n) {
  Json json = {{"name", n.name}, {"capacity", size(n.capacity)}, {"reserved", size(n.reserved)}, {"watermark", size(n.watermark)}};
  if (n.leaving != Resources{}) json["leaving"] = size(n.leaving);
  if (n.leased != Resources{}) json["leased"] = size(n.leased);
  if (!n.pinned.empty()) json["pinned"] = n.pinned;
  json["holders"] = Json::array();
  for (const HolderState& holder : n.holders) json["holders"].push_back(tree(holder));
  return json;
}

}  // namespace

std::string encode(const SchedulerState& state) {
  Json json = {{"ready", state.not_ready.empty()}, {"nodes", Json::array()}};
  if (!state.not_ready.empty()) json["why"] = state.not_ready;
  for (const NodeState& node : state.nodes) json["nodes"].push_back(tree(node));
  if (!state.kept.empty()) json["kept"] = state.kept;
  return dump_json(json);
}

std::string encode(const AgentState& state) {
  Json json = {{"vms", Json::array()}};
  if (!state.node.empty()) json["node"] = state.node, json["headroom"] = size(state.headroom);
  // Our own text, so it can be read again.
  for (const Explanation& vm : state.vms) json["vms"].push_back(parse_json(encode(vm)).value_or(Json::object()));
  return dump_json(json);
}

}  // namespace neonvm::wire
