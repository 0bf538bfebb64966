// An Orchestrator and its Watches behind the C table.
#include "core/plugin/edge.hpp"
#include "core/plugin/orchestrator_structs.hpp"
#include "core/plugin/plugin_sdk.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/service_place.hpp"

namespace neonvm::plugin {
namespace {

Orchestrator& on(void* plugin) { return *static_cast<Orchestrator*>(plugin); }

void give(const neonvm_sink* sink, const Object& object) {
  const std::string json = wire::encode_object(object);
  sink->take(sink->context, json.data(), json.size());
}

Status give(const neonvm_sink* sink, const Result<Object>& object) {
  if (!object) return object.error();
  give(sink, *object);
  return {};
}

Status give(const neonvm_event_sink* sink, const Result<std::vector<StoredEvent>>& events) {
  if (!events) return events.error();
  for (const StoredEvent& stored : *events) {
    const std::string json = wire::encode(stored.event);
    sink->take(sink->context, stored.sequence, json.data(), json.size());
  }
  return {};
}

std::string owned(neonvm_text text) { return std::string(view(text)); }

std::int32_t list(void* p, std::int32_t kind, std::int64_t deadline, const neonvm_sink* sink,
                  neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto known = kind_from_number(kind);
    if (!known) return known.error();
    const auto objects = on(p).list(*known, from_ns(deadline));
    if (!objects) return objects.error();
    for (const Object& object : *objects) give(sink, object);
    return {};
  });
}

std::int32_t list_runners(void* p, neonvm_text vm, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto objects = on(p).list_runners(owned(vm), from_ns(deadline));
    if (!objects) return objects.error();
    for (const Object& object : *objects) give(sink, object);
    return {};
  });
}

std::int32_t get(void* p, std::int32_t kind, neonvm_text name, std::int64_t deadline, const neonvm_sink* sink,
                 neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto known = kind_from_number(kind);
    if (!known) return known.error();
    return give(sink, on(p).get(*known, owned(name), from_ns(deadline)));
  });
}

// create, update, update_status, start_runner: an object in, the stored one out.
using Write = Result<Object> (Orchestrator::*)(const Object&, Deadline);
template <Write write>
std::int32_t store(void* p, neonvm_text json, std::int64_t deadline, const neonvm_sink* sink,
                   neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto object = wire::decode_object(view(json));
    if (!object) return object.error();
    return give(sink, (on(p).*write)(*object, from_ns(deadline)));
  });
}

std::int32_t remove(void* p, std::int32_t kind, neonvm_text name, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto known = kind_from_number(kind);
    if (!known) return known.error();
    return on(p).remove(*known, owned(name), from_ns(deadline));
  });
}

std::int32_t watch(void* p, std::int32_t kind, std::int64_t deadline, void** to, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto known = kind_from_number(kind);
    if (!known) return known.error();
    auto made = on(p).watch(*known, from_ns(deadline));
    if (!made) return made.error();
    *to = std::move(made).value().release();
    return {};
  });
}

std::int32_t watch_next(void* w, std::int64_t deadline, std::int32_t* kind, const neonvm_sink* sink,
                        neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto change = static_cast<Watch*>(w)->next(from_ns(deadline));
    if (!change) return change.error();
    *kind = change->has_value() ? to_number((*change)->kind) : std::int32_t{NEONVM_CHANGE_NONE};
    if (change->has_value() && (*change)->kind != ChangeKind::synced) give(sink, (*change)->object);
    return {};
  });
}

void watch_wake(void* w) noexcept { static_cast<Watch*>(w)->wake(); }
void watch_close(void* w) noexcept { delete static_cast<Watch*>(w); }

std::int32_t stop_runner(void* p, neonvm_text name, std::int64_t grace, std::int64_t deadline,
                         neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(p).stop_runner(owned(name), Duration(grace), from_ns(deadline)); });
}

std::int32_t hold_lease(void* p, neonvm_text name, neonvm_text holder, std::int64_t ttl, std::int64_t deadline,
                        std::int32_t* held, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto answer = on(p).hold_lease(owned(name), owned(holder), Duration(ttl), from_ns(deadline));
    if (!answer) return answer.error();
    *held = *answer ? 1 : 0;
    return {};
  });
}

std::int32_t release_lease(void* p, neonvm_text name, neonvm_text holder, std::int64_t deadline,
                           neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(p).release_lease(owned(name), owned(holder), from_ns(deadline)); });
}

std::int32_t record(void* p, neonvm_text json, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto event = wire::decode_event(view(json));
    if (!event) return event.error();
    return on(p).record(*event, from_ns(deadline));
  });
}

std::int32_t events(void* p, std::uint64_t after, std::int64_t deadline, const neonvm_event_sink* sink,
                    neonvm_error* error) noexcept {
  return guarded(error, [&] { return give(sink, on(p).events(after, from_ns(deadline))); });
}

std::int32_t wait_events(void* p, std::uint64_t after, std::int64_t deadline, const neonvm_event_sink* sink,
                         neonvm_error* error) noexcept {
  return guarded(error, [&] { return give(sink, on(p).wait_events(after, from_ns(deadline))); });
}

std::int32_t vm_directory(void* p, neonvm_text vm, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const std::string path = on(p).vm_directory(owned(vm));
    sink->take(sink->context, path.data(), path.size());
    return {};
  });
}

std::int32_t runner_access(void* p, neonvm_text vm, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto access = on(p).runner_access(owned(vm), from_ns(deadline));
    if (!access) return access.error();
    const std::string json = wire::encode(*access);
    sink->take(sink->context, json.data(), json.size());
    return {};
  });
}

std::int32_t webhook_authority(void* p, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto authority = on(p).webhook_authority(from_ns(deadline));
    if (!authority) return authority.error();
    const std::string json = wire::encode(*authority);
    sink->take(sink->context, json.data(), json.size());
    return {};
  });
}

std::int32_t bind_pod(void* p, neonvm_text pod, neonvm_text uid, neonvm_text node, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(p).bind_pod(owned(pod), owned(uid), owned(node), from_ns(deadline)); });
}

std::int32_t scheduler_access(void* p, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto access = on(p).scheduler_access(from_ns(deadline));
    if (!access) return access.error();
    const std::string json = wire::encode(*access);
    sink->take(sink->context, json.data(), json.size());
    return {};
  });
}

std::int32_t tend(void* p, neonvm_text vm, std::int64_t deadline, std::int64_t* again, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto object = wire::decode_object(view(vm));
    if (!object) return object.error();
    const auto due = on(p).tend(*object, from_ns(deadline));
    if (!due) return due.error();
    *again = *due ? std::max<std::int64_t>((*due)->count(), 0) : -1;
    return {};
  });
}

std::int32_t runner_log(void* p, neonvm_text runner, std::int64_t lines, std::int32_t follow, std::int64_t deadline, const neonvm_sink* sink,
                        neonvm_error* error) noexcept {
  return guarded(error, [&] {
    const auto take = [sink](std::string_view piece) { sink->take(sink->context, piece.data(), piece.size()); };
    return on(p).runner_log(owned(runner), lines, follow != 0, take, from_ns(deadline));
  });
}

std::int32_t show_room(void* p, neonvm_text node, const neonvm_resources* free, std::int32_t came, std::int64_t deadline,
                       neonvm_error* error) noexcept {
  return guarded(error, [&] {
    return on(p).show_room(owned(node), {MilliCpu{free->milli_cpu}, Bytes{free->memory}}, came != 0, from_ns(deadline));
  });
}

std::int32_t lead_service(void* p, neonvm_text place, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto where = wire::decode_service_place(view(place));
    return where ? on(p).lead_service(*where, from_ns(deadline)) : where.error();
  });
}

constexpr neonvm_orchestrator_table orchestrator_table = {
    sizeof(neonvm_orchestrator_table),
    list, get, store<&Orchestrator::create>, store<&Orchestrator::update>, store<&Orchestrator::update_status>, remove,
    watch, watch_next, watch_wake, watch_close, store<&Orchestrator::start_runner>, stop_runner, hold_lease,
    release_lease,
    record, events, wait_events, vm_directory, runner_access, webhook_authority, list_runners, bind_pod,
    scheduler_access, tend, runner_log, show_room, lead_service,
};

}  // namespace

std::int32_t orchestrator_edge::open(Maker<Orchestrator> maker, const neonvm_open_args* args, void** plugin,
                                     neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const Result<Options> options = read_options(args);
    if (!options) return options.error();
    auto made = maker(*options);
    if (!made) return made.error();
    *plugin = std::move(made).value().release();
    return {};
  });
}

void orchestrator_edge::close(void* plugin) noexcept { delete static_cast<Orchestrator*>(plugin); }

const void* orchestrator_edge::table() noexcept { return &orchestrator_table; }

}  // namespace neonvm::plugin
