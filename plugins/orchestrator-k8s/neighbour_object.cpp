#include "plugins/orchestrator-k8s/neighbour_object.hpp"

#include "core/model/node.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/pod.hpp"
#include "plugins/orchestrator-k8s/json_text.hpp"

namespace neonvm::k8s {

Result<Object> neighbour_object(std::string_view text) {
  const auto pod = wire::decode_pod(text);
  if (!pod) return pod.error();
  const Json json = Json::parse(text, nullptr, false);
  Object object;
  object.kind = Kind::neighbour;
  object.ns = pod->ns;
  object.name = pod->name;
  object.uid = pod->uid;
  object.version = version_of(json);
  const bool takes = !pod->ended && !pod->node.empty();
  object.spec = wire::encode(Neighbour{pod->node, takes ? pod->requests : Resources{}});
  return object;
}

}  // namespace neonvm::k8s
