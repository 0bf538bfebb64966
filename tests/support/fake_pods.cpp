// Pods that wait for a node: runners that were started without one, and what other people run.
#include "core/wire/model_json.hpp"
#include "tests/support/fake_orchestrator.hpp"

namespace neonvm::fakes {

void FakeOrchestrator::pending_pod(const std::string& name, const std::string& uid, const Resources& reserved) {
  const std::lock_guard lock(mutex_);
  pending_[name] = {uid, reserved};
}

Status FakeOrchestrator::bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok;
  const auto has = [&](const std::string& other) -> Status {
    if (other == node) return {};
    return Error{Code::conflict, "pod " + pod + " is assigned to " + other};
  };
  if (const auto runner = find(Kind::runner, pod); runner) {
    auto spec = wire::decode_runner_spec((*runner)->spec);
    if (!spec) return spec.error();
    if (!spec->node.empty()) return has(spec->node);
    spec->node = node;
    (*runner)->spec = wire::encode(*spec);
    touch(**runner);
    return reply();
  }
  if (const auto neighbour = find(Kind::neighbour, pod); neighbour) return has(wire::decode_neighbour((*neighbour)->spec)->node);
  const auto waiting = pending_.find(pod);
  if (waiting == pending_.end()) return Error{Code::not_found, "there is no pod " + pod};
  if (waiting->second.uid != uid) return Error{Code::conflict, "pod " + pod + " is another one now"};
  Object object;
  object.kind = Kind::neighbour;
  object.name = pod;
  object.spec = wire::encode(Neighbour{node, waiting->second.reserved});
  if (auto bound = insert(std::move(object)); !bound) return bound.error();
  // The same pod as before: watchers are not told before the lock is free.
  if (const auto made = find(Kind::neighbour, pod); made) (*made)->uid = uid;
  pending_.erase(pod);
  return {};
}

Status FakeOrchestrator::show_room(const std::string& node, const Resources& free, bool came, Deadline) {
  const std::lock_guard lock(mutex_);
  if (auto ok = admit(); !ok) return ok;
  const auto object = find(Kind::node, node);
  if (!object) return object.error();
  auto& told = (*object)->annotations;
  told["free"] = to_string(free);
  if (came) told["came"] = std::to_string(told["came"].empty() ? 1 : std::stoi(told["came"]) + 1);
  touch(**object);
  return reply();
}

}  // namespace neonvm::fakes
