// A Hypervisor and its Machines behind the C table.
#include "core/plugin/edge.hpp"
#include "core/plugin/plugin_sdk.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::plugin {
namespace {

Hypervisor& hypervisor(void* plugin) { return *static_cast<Hypervisor*>(plugin); }
Machine& on(void* machine) { return *static_cast<Machine*>(machine); }

void give(const neonvm_sink* sink, std::string_view bytes) { sink->take(sink->context, bytes.data(), bytes.size()); }

Port from_struct(const neonvm_port& p) {
  return {std::string(view(p.name)), p.guest, p.host, p.protocol == NEONVM_UDP ? Protocol::udp : Protocol::tcp};
}

Status hand_out(Result<std::unique_ptr<Machine>> machine, void** to) {
  if (!machine) return machine.error();
  *to = std::move(machine).value().release();
  return {};
}

std::int32_t start(void* p, neonvm_text spec, std::int64_t deadline, void** machine, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto decoded = wire::decode_machine_spec(view(spec));
    if (!decoded) return decoded.error();
    return hand_out(hypervisor(p).start(*decoded, from_ns(deadline)), machine);
  });
}

std::int32_t attach(void* p, neonvm_text spec, std::int64_t deadline, void** machine, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto decoded = wire::decode_machine_spec(view(spec));
    if (!decoded) return decoded.error();
    return hand_out(hypervisor(p).attach(*decoded, from_ns(deadline)), machine);
  });
}

void machine_close(void* machine) noexcept { delete static_cast<Machine*>(machine); }

std::int32_t inspect(void* m, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto state = on(m).inspect(from_ns(deadline));
    if (!state) return state.error();
    give(sink, wire::encode(*state));
    return {};
  });
}

std::int32_t want_memory(void* m, std::uint64_t bytes, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).want_memory(Bytes{bytes}, from_ns(deadline)); });
}

std::int32_t memory(void* m, std::int64_t quiet, std::int64_t deadline, neonvm_memory_state* to,
                    neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto state = on(m).memory(Duration(quiet), from_ns(deadline));
    if (!state) return state.error();
    to->asked = state->asked.value;
    to->actual = state->actual.value;
    to->settled = state->settled ? 1 : 0;
    copy_cut(state->why, to->why.text, sizeof to->why.text);
    return {};
  });
}

std::int32_t quit(void* m, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).quit(from_ns(deadline)); });
}

std::int32_t kill(void* m, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).kill(from_ns(deadline)); });
}

std::int32_t next_event(void* m, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto event = on(m).next_event(from_ns(deadline));
    if (!event) return event.error();
    if (event->has_value()) give(sink, wire::encode(**event));
    return {};
  });
}

std::int32_t probe(void* p, std::int64_t deadline, const neonvm_capability_sink* each, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    for (const Capability& c : hypervisor(p).probe(from_ns(deadline))) {
      const neonvm_capability as_struct{to_text(c.name), to_text(c.detail), to_text(c.next_step), c.works ? 1 : 0, 0};
      each->take(each->context, &as_struct);
    }
    return {};
  });
}

std::int32_t create_disk(void* p, neonvm_text path, neonvm_text backing, std::uint64_t bytes, std::int64_t deadline,
                         neonvm_error* error) noexcept {
  return guarded(error, [&] {
    return hypervisor(p).create_disk(std::string(view(path)), std::string(view(backing)), Bytes{bytes},
                                     from_ns(deadline));
  });
}

std::int32_t set_cpus(void* m, std::uint32_t count, std::int64_t deadline, neonvm_cpu_state* to,
                      neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto state = on(m).set_cpus(count, from_ns(deadline));
    if (!state) return state.error();
    to->asked_milli_cpu = state->asked.value;
    to->actual_milli_cpu = state->actual.value;
    to->settled = state->settled ? 1 : 0;
    copy_cut(state->why, to->why.text, sizeof to->why.text);
    return {};
  });
}

std::int32_t press_power_button(void* m, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).press_power_button(from_ns(deadline)); });
}

std::int32_t pause(void* m, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).pause(from_ns(deadline)); });
}

std::int32_t resume(void* m, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).resume(from_ns(deadline)); });
}

std::int32_t listen(void* m, neonvm_text replay, std::int64_t deadline, const neonvm_sink* sink,
                    neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto state = wire::decode_machine_state(view(replay));
    if (!state) return state.error();
    const auto address = on(m).listen(*state, from_ns(deadline));
    if (!address) return address.error();
    give(sink, *address);
    return {};
  });
}

std::int32_t migrate_to(void* m, neonvm_text address, neonvm_text limits, std::int64_t deadline,
                        neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto decoded = wire::decode_migration_spec(view(limits));
    if (!decoded) return decoded.error();
    return on(m).migrate_to(std::string(view(address)), *decoded, from_ns(deadline));
  });
}

std::int32_t migration(void* m, std::int64_t deadline, const neonvm_sink* sink, neonvm_error* error) noexcept {
  return guarded(error, [&]() -> Status {
    const auto report = on(m).migration(from_ns(deadline));
    if (!report) return report.error();
    give(sink, wire::encode(*report));
    return {};
  });
}

std::int32_t cancel_migration(void* m, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).cancel_migration(from_ns(deadline)); });
}

std::int32_t add_forward(void* m, const neonvm_port* port, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).add_forward(from_struct(*port), from_ns(deadline)); });
}

std::int32_t remove_forward(void* m, const neonvm_port* port, std::int64_t deadline, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).remove_forward(from_struct(*port), from_ns(deadline)); });
}

std::int32_t wake(void* m, neonvm_error* error) noexcept {
  return guarded(error, [&] { return on(m).wake(); });
}

constexpr neonvm_hypervisor_table hypervisor_table = {
    sizeof(neonvm_hypervisor_table),
    start, attach, machine_close, inspect, want_memory, memory, quit, kill, next_event,
    probe, create_disk, set_cpus, press_power_button, pause, resume, listen, migrate_to, migration, cancel_migration,
    add_forward, remove_forward, wake,
};

}  // namespace

std::int32_t hypervisor_edge::open(Maker<Hypervisor> maker, const neonvm_open_args* args, void** plugin,
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

void hypervisor_edge::close(void* plugin) noexcept { delete static_cast<Hypervisor*>(plugin); }

const void* hypervisor_edge::table() noexcept { return &hypervisor_table; }

}  // namespace neonvm::plugin
