#include "core/wire/extender_protocol.hpp"

#include <algorithm>

#include "core/wire/admission_rules.hpp"
#include "core/wire/pod_tree.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<HostScore> auto& s) {
  v.need("Host", s.host);
  v.need("Score", s.score);
}

void describe(auto& v, Like<ExtenderBinding> auto& b) {
  v.need("PodName", b.name);
  v.need("PodNamespace", b.ns);
  v.need("PodUID", b.uid);
  v.need("Node", b.node);
}

namespace {

struct ErrorWord {
  std::string error;
};

void describe(auto& v, Like<ErrorWord> auto& e) { v.need("Error", e.error); }

// The names, and the objects in which they came.
void read_nodes(const Json& items, Faults& faults, ExtenderArgs& args) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Json& name = part(part(items[i], "metadata"), "name");
    if (!name.is_string()) return faults.add("Nodes.items[" + std::to_string(i) + "].metadata.name", "is missing");
    args.nodes.push_back(name.get<std::string>());
    args.node_objects.push_back(dump_json(items[i]));
  }
}

Json node_list(const std::vector<std::string>& wanted, const ExtenderArgs& args) {
  Json items = Json::array();
  for (std::size_t i = 0; i < args.node_objects.size(); ++i) {
    if (std::find(wanted.begin(), wanted.end(), args.nodes[i]) == wanted.end()) continue;
    // Our own text of before, so it can be read again.
    items.push_back(parse_json(args.node_objects[i]).value_or(Json::object()));
  }
  return {{"metadata", Json::object()}, {"items", std::move(items)}};
}

}  // namespace

Result<ExtenderArgs> decode_extender_args(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  const Json& pod = part(*json, "Pod");
  if (!pod.is_object()) return Error{Code::invalid_argument, "Pod: is missing"};
  Faults faults;
  ExtenderArgs args;
  args.pod = read_pod(pod, "Pod.", faults);
  const Json& items = part(part(*json, "Nodes"), "items");
  if (items.is_array()) read_nodes(items, faults, args);
  else Reader(*json, "", faults, Keys::lenient).field("NodeNames", args.nodes);
  if (!faults.none()) return faults.error();
  return args;
}

std::string encode(const ExtenderArgs& args) {
  const bool whole = !args.node_objects.empty();
  return dump_json({{"Pod", pod_tree(args.pod)}, {"Nodes", whole ? node_list(args.nodes, args) : Json()},
                    {"NodeNames", whole ? Json() : Json(args.nodes)}});
}

std::string encode(const ExtenderFilterResult& result, const ExtenderArgs& args) {
  const bool whole = !args.node_objects.empty();
  return dump_json({{"Nodes", whole ? node_list(result.nodes, args) : Json()}, {"NodeNames", whole ? Json() : Json(result.nodes)},
                    {"FailedNodes", result.failed}, {"FailedAndUnresolvableNodes", result.unresolvable}, {"Error", result.error}});
}

Result<ExtenderFilterResult> decode_extender_filter_result(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return json.error();
  if (!json->is_object()) return Error{Code::invalid_argument, "expected an object"};
  Faults faults;
  ExtenderFilterResult result;
  Reader reader(*json, "", faults, Keys::lenient);
  reader.field("NodeNames", result.nodes);
  reader.field("FailedNodes", result.failed);
  reader.field("FailedAndUnresolvableNodes", result.unresolvable);
  reader.field("Error", result.error);
  ExtenderArgs named;
  if (const Json& items = part(part(*json, "Nodes"), "items"); items.is_array()) read_nodes(items, faults, named);
  if (!faults.none()) return faults.error();
  if (!named.nodes.empty()) result.nodes = std::move(named.nodes);
  return result;
}

std::string encode(const std::vector<HostScore>& scores) { return dump_json(Writer::value(scores)); }

Result<std::vector<HostScore>> decode_host_scores(std::string_view text) {
  static const Json none = Json::object();
  const auto json = parse_json(text);
  if (!json) return json.error();
  Faults faults;
  std::vector<HostScore> scores;
  Reader(none, "", faults, Keys::lenient).value(*json, "", scores);
  if (!faults.none()) return faults.error();
  return scores;
}

Result<ExtenderBinding> decode_extender_binding(std::string_view json) { return read_text<ExtenderBinding>(json, Keys::lenient); }
std::string encode(const ExtenderBinding& binding) { return write_text(binding); }

std::string encode_extender_binding_result(const std::string& error) { return write_text(ErrorWord{error}); }

Result<std::string> decode_extender_binding_result(std::string_view json) {
  auto word = read_text<ErrorWord>(json, Keys::lenient);
  if (!word) return word.error();
  return std::move(word->error);
}

}  // namespace neonvm::wire
