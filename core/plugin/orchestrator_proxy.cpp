#include "core/plugin/orchestrator_proxy.hpp"

#include <exception>

#include "core/plugin/orchestrator_structs.hpp"
#include "core/plugin/slots.hpp"
#include "core/plugin/watch_proxy.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/service_place.hpp"

namespace neonvm::plugin {
namespace {

using Table = neonvm_orchestrator_table;

struct Events {
  std::vector<std::pair<std::uint64_t, std::string>> all;
  bool lost = false;
};

void take(void* context, std::uint64_t sequence, const char* bytes, std::size_t length) noexcept {
  auto& events = *static_cast<Events*>(context);
  try {
    events.all.emplace_back(sequence, bytes == nullptr ? std::string() : std::string(bytes, length));
  } catch (...) {
    events.lost = true;
  }
}

Result<Object> decode_one(Kept& kept, const Opened& opened) {
  const auto json = kept.one(opened.place());
  if (!json) return json.error();
  auto object = wire::decode_object(*json);
  if (!object) return object.error().at(opened.place());
  return object;
}

Result<RunnerAccess> decode_access(Kept& kept, const Opened& opened) {
  const auto json = kept.one(opened.place());
  if (!json) return json.error();
  auto access = wire::decode_runner_access(*json);
  if (!access) return access.error().at(opened.place());
  return access;
}

Result<std::vector<Object>> decode_all(Kept& kept, const Opened& opened) {
  const auto all = kept.all(opened.place());
  if (!all) return all.error();
  std::vector<Object> objects;
  objects.reserve(all->size());
  for (const std::string& json : *all) {
    auto object = wire::decode_object(json);
    if (!object) return object.error().at(opened.place());
    objects.push_back(std::move(*object));
  }
  return objects;
}

}  // namespace

Result<std::vector<Object>> OrchestratorProxy::list(Kind kind, Deadline deadline) {
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().list(opened_->handle(), to_number(kind), to_ns(deadline), kept.sink(), error);
  });
  return status ? decode_all(kept, *opened_) : status.error();
}

Result<std::vector<Object>> OrchestratorProxy::list_runners(const std::string& vm_name, Deadline deadline) {
  if (!has(table(), &Table::list_runners)) return list(Kind::runner, deadline);
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().list_runners(opened_->handle(), to_text(vm_name), to_ns(deadline), kept.sink(), error);
  });
  return status ? decode_all(kept, *opened_) : status.error();
}

Result<Object> OrchestratorProxy::get(Kind kind, const std::string& name, Deadline deadline) {
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().get(opened_->handle(), to_number(kind), to_text(name), to_ns(deadline), kept.sink(), error);
  });
  if (!status) return status.error();
  return decode_one(kept, *opened_);
}

Result<Object> OrchestratorProxy::store(Write write, const Object& object, Deadline deadline) {
  const std::string json = wire::encode_object(object);
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return write(opened_->handle(), to_text(json), to_ns(deadline), kept.sink(), error);
  });
  if (!status) return status.error();
  return decode_one(kept, *opened_);
}

Result<Object> OrchestratorProxy::create(const Object& object, Deadline deadline) {
  return store(table().create, object, deadline);
}
Result<Object> OrchestratorProxy::update(const Object& object, Deadline deadline) {
  return store(table().update, object, deadline);
}
Result<Object> OrchestratorProxy::update_status(const Object& object, Deadline deadline) {
  return store(table().update_status, object, deadline);
}
Result<Object> OrchestratorProxy::start_runner(const Object& runner, Deadline deadline) {
  return store(table().start_runner, runner, deadline);
}

Status OrchestratorProxy::remove(Kind kind, const std::string& name, Deadline deadline) {
  return opened_->call([&](neonvm_error* error) {
    return table().remove(opened_->handle(), to_number(kind), to_text(name), to_ns(deadline), error);
  });
}

Result<std::unique_ptr<Watch>> OrchestratorProxy::watch(Kind kind, Deadline deadline) {
  void* watch = nullptr;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().watch(opened_->handle(), to_number(kind), to_ns(deadline), &watch, error);
  });
  if (!status) return status.error();
  if (watch == nullptr) return Error{Code::internal, "answered no watch"}.at(opened_->place());
  return std::unique_ptr<Watch>(std::make_unique<WatchProxy>(opened_, watch));
}

Status OrchestratorProxy::record(const Event& event, Deadline deadline) {
  if (!has(table(), &Table::record)) return lacks(opened_->place(), "record");
  const std::string json = wire::encode(event);
  return opened_->call([&](neonvm_error* error) {
    return table().record(opened_->handle(), to_text(json), to_ns(deadline), error);
  });
}

Result<std::vector<StoredEvent>> OrchestratorProxy::read(Read read, std::uint64_t after, Deadline deadline) {
  Events given;
  const neonvm_event_sink sink{&given, take};
  const Status status = opened_->call(
      [&](neonvm_error* error) { return read(opened_->handle(), after, to_ns(deadline), &sink, error); });
  if (!status) return status.error();
  if (given.lost) return Error{Code::internal, "no memory left for what it gave"}.at(opened_->place());
  std::vector<StoredEvent> events;
  events.reserve(given.all.size());
  for (const auto& [sequence, json] : given.all) {
    auto event = wire::decode_event(json);
    if (!event) return event.error().at(opened_->place());
    events.push_back({sequence, std::move(*event)});
  }
  return events;
}

Result<std::vector<StoredEvent>> OrchestratorProxy::events(std::uint64_t after, Deadline deadline) {
  if (!has(table(), &Table::events)) return lacks(opened_->place(), "events");
  return read(table().events, after, deadline);
}

Result<std::vector<StoredEvent>> OrchestratorProxy::wait_events(std::uint64_t after, Deadline deadline) {
  if (!has(table(), &Table::wait_events)) return lacks(opened_->place(), "wait_events");
  return read(table().wait_events, after, deadline);
}

Status OrchestratorProxy::stop_runner(const std::string& name, Duration grace, Deadline deadline) {
  return opened_->call([&](neonvm_error* error) {
    return table().stop_runner(opened_->handle(), to_text(name), grace.count(), to_ns(deadline), error);
  });
}

Result<bool> OrchestratorProxy::hold_lease(const std::string& name, const std::string& holder, Duration ttl,
                                           Deadline deadline) {
  std::int32_t held = 0;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().hold_lease(opened_->handle(), to_text(name), to_text(holder), ttl.count(), to_ns(deadline), &held,
                              error);
  });
  if (!status) return status.error();
  return held != 0;
}

Status OrchestratorProxy::release_lease(const std::string& name, const std::string& holder, Deadline deadline) {
  return opened_->call([&](neonvm_error* error) {
    return table().release_lease(opened_->handle(), to_text(name), to_text(holder), to_ns(deadline), error);
  });
}

std::string OrchestratorProxy::vm_directory(const std::string& vm_name) {
  if (!has(table(), &Table::vm_directory)) return {};
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().vm_directory(opened_->handle(), to_text(vm_name), kept.sink(), error);
  });
  return status ? kept.one(opened_->place()).value_or("") : std::string();
}

Result<RunnerAccess> OrchestratorProxy::runner_access(const std::string& vm_name, Deadline deadline) {
  if (!has(table(), &Table::runner_access)) return RunnerAccess{};
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().runner_access(opened_->handle(), to_text(vm_name), to_ns(deadline), kept.sink(), error);
  });
  return status ? decode_access(kept, *opened_) : status.error();
}

Status OrchestratorProxy::bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) {
  if (!has(table(), &Table::bind_pod)) return lacks(opened_->place(), "bind_pod");
  return opened_->call([&](neonvm_error* error) {
    return table().bind_pod(opened_->handle(), to_text(pod), to_text(uid), to_text(node), to_ns(deadline), error);
  });
}

Status OrchestratorProxy::show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) {
  if (!has(table(), &Table::show_room)) return lacks(opened_->place(), "show_room");
  const neonvm_resources size{free.cpu.value, 0, free.memory.value};
  return opened_->call([&](neonvm_error* error) {
    return table().show_room(opened_->handle(), to_text(node), &size, came ? 1 : 0, to_ns(deadline), error);
  });
}

Status OrchestratorProxy::lead_service(const ServicePlace& place, Deadline deadline) {
  if (!has(table(), &Table::lead_service)) return lacks(opened_->place(), "lead_service");
  const std::string json = wire::encode(place);
  return opened_->call([&](neonvm_error* error) { return table().lead_service(opened_->handle(), to_text(json), to_ns(deadline), error); });
}

Result<RunnerAccess> OrchestratorProxy::scheduler_access(Deadline deadline) {
  if (!has(table(), &Table::scheduler_access)) return lacks(opened_->place(), "scheduler_access");
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().scheduler_access(opened_->handle(), to_ns(deadline), kept.sink(), error);
  });
  return status ? decode_access(kept, *opened_) : status.error();
}

Result<std::optional<Duration>> OrchestratorProxy::tend(const Object& vm, Deadline deadline) {
  if (!has(table(), &Table::tend)) return std::optional<Duration>();
  const std::string json = wire::encode_object(vm);
  std::int64_t again = -1;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().tend(opened_->handle(), to_text(json), to_ns(deadline), &again, error);
  });
  if (!status) return status.error();
  return again < 0 ? std::optional<Duration>() : std::optional(Duration(again));
}

// What takes the pieces may throw, and nothing may throw through C.
Status OrchestratorProxy::runner_log(const std::string& runner, std::int64_t lines, bool follow, const std::function<void(std::string_view)>& take,
                                     Deadline deadline) {
  if (!has(table(), &Table::runner_log)) return lacks(opened_->place(), "runner_log");
  struct Taker {
    const std::function<void(std::string_view)>& take;
    std::exception_ptr thrown{};
    static void piece(void* self, const char* bytes, std::size_t length) noexcept {
      auto& me = *static_cast<Taker*>(self);
      try {
        if (!me.thrown) me.take({bytes, length});
      } catch (...) {
        me.thrown = std::current_exception();
      }
    }
  } taker{take};
  const neonvm_sink sink{&taker, &Taker::piece};
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().runner_log(opened_->handle(), to_text(runner), lines, follow ? 1 : 0, to_ns(deadline), &sink, error);
  });
  if (taker.thrown) std::rethrow_exception(taker.thrown);
  return status;
}

Result<Authority> OrchestratorProxy::webhook_authority(Deadline deadline) {
  if (!has(table(), &Table::webhook_authority)) return lacks(opened_->place(), "webhook_authority");
  Kept kept;
  const Status status = opened_->call([&](neonvm_error* error) {
    return table().webhook_authority(opened_->handle(), to_ns(deadline), kept.sink(), error);
  });
  if (!status) return status.error();
  const auto json = kept.one(opened_->place());
  if (!json) return json.error();
  auto authority = wire::decode_authority(*json);
  if (!authority) return authority.error().at(opened_->place());
  return authority;
}

}  // namespace neonvm::plugin
