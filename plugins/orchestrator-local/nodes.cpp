#include "plugins/orchestrator-local/nodes.hpp"

#include <algorithm>
#include <set>

#include "core/wire/model_json.hpp"

namespace neonvm::local {
namespace {

Status keep_node(Store& store, const Node& node, Deadline deadline) {
  Object fresh;
  wire::encode_node(node, fresh);
  const auto created = store.create(fresh, deadline);
  if (created) return {};
  if (created.error().code != Code::already_exists) return created.error();
  const auto updated = store.modify(
      Kind::node, node.name,
      [&](Object& stored) {
        wire::encode_node(node, stored);
        return Status{};
      },
      deadline);
  return updated ? Status{} : updated.error();
}

Status retire_node(Store& store, const Object& node, bool in_use, Deadline deadline) {
  if (!in_use) return store.remove(Kind::node, node.name, deadline);
  const auto updated = store.modify(
      Kind::node, node.name,
      [](Object& stored) -> Status {
        auto decoded = wire::decode_node(stored);
        if (!decoded) return decoded.error();
        decoded->schedulable = false;
        wire::encode_node(*decoded, stored);
        return {};
      },
      deadline);
  return updated ? Status{} : updated.error();
}

}  // namespace

Status keep_nodes(Store& store, const std::vector<Node>& wanted, Deadline deadline) {
  for (const Node& node : wanted) {
    if (auto kept = keep_node(store, node, deadline); !kept) return kept.error().at("node " + node.name);
  }
  const auto stored = store.list(Kind::node, deadline);
  if (!stored) return stored.error();
  const auto runners = store.list(Kind::runner, deadline);
  if (!runners) return runners.error();
  std::set<std::string> in_use;
  for (const Object& runner : *runners) {
    if (const auto spec = wire::decode_runner_spec(runner.spec)) in_use.insert(spec->node);
  }
  for (const Object& node : *stored) {
    const bool stays = std::any_of(wanted.begin(), wanted.end(), [&](const Node& w) { return w.name == node.name; });
    if (stays) continue;
    if (auto retired = retire_node(store, node, in_use.count(node.name) != 0, deadline); !retired) return retired;
  }
  return {};
}

}  // namespace neonvm::local
