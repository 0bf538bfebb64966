#include "core/plugin/watch_proxy.hpp"

#include "core/plugin/orchestrator_structs.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::plugin {

WatchProxy::~WatchProxy() { table().watch_close(handle_); }

void WatchProxy::wake() { table().watch_wake(handle_); }

Result<std::optional<Change>> WatchProxy::next(Deadline deadline) {
  std::int32_t number = NEONVM_CHANGE_NONE;
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().watch_next(handle_, to_ns(deadline), &number, kept.sink(), error);
  });
  if (!status) return status.error();
  if (number == NEONVM_CHANGE_NONE) return std::optional<Change>();
  const auto kind = change_from_number(number);
  if (!kind) return Error{Code::internal, kind.error().message}.at(opened_->place());
  Change change;
  change.kind = *kind;
  if (*kind == ChangeKind::synced) return std::optional<Change>(std::move(change));
  const auto json = kept.one(opened_->place());
  if (!json) return json.error();
  auto object = wire::decode_object(*json);
  if (!object) return object.error().at(opened_->place());
  change.object = std::move(*object);
  return std::optional<Change>(std::move(change));
}

}  // namespace neonvm::plugin
