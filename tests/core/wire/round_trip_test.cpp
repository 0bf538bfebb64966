// decode(encode(x)) == x, for every document and message.
#include <rapidcheck.h>

#include <cmath>

#include "core/wire/headroom_protocol.hpp"
#include "core/wire/model_json.hpp"
#include "tests/core/wire/draw.hpp"
#include "tests/support/catch.hpp"

using namespace neonvm;
using namespace neonvm::wire;

namespace {

// Whole properties at once: what is read is what was written, and writing it again gives the same text.
template <typename T, typename Decode>
bool round_trips(const char* what, T (*draw)(), Decode decode) {
  return rc::check(what, [draw, decode] {
    const T value = draw();
    const std::string json = encode(value);
    const auto back = decode(json);
    if (!back.ok()) RC_FAIL(json + "\n" + back.error().message);
    if (!(*back == value)) RC_FAIL(json + "\n" + encode(*back));
    RC_ASSERT(encode(*back) == json);
  });
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }
bool same(const Pressure& a, const Pressure& b) {
  return same(a.some, b.some) && same(a.full, b.full) && same(a.some_avg10, b.some_avg10) &&
         same(a.full_avg10, b.full_avg10);
}
bool same_memory(const GuestSample& a, const GuestSample& b) {
  return a.memory_total == b.memory_total && a.memory_available == b.memory_available &&
         a.memory_free == b.memory_free && a.memory_anon == b.memory_anon && a.memory_file == b.memory_file &&
         a.memory_cached == b.memory_cached && a.memory_shmem == b.memory_shmem &&
         a.slab_reclaimable == b.slab_reclaimable && a.slab_unreclaimable == b.slab_unreclaimable &&
         a.swap_total == b.swap_total && a.swap_free == b.swap_free;
}
bool same(const MemoryZone& a, const MemoryZone& b) {
  return a.present == b.present && a.managed == b.managed && a.free == b.free && a.high == b.high && a.file == b.file &&
         a.anonymous == b.anonymous && a.unevictable == b.unevictable;
}
bool same_layout(const std::shared_ptr<const MemoryLayout>& a, const std::shared_ptr<const MemoryLayout>& b) {
  if (!a || !b) return a == b;
  return same(a->kernel, b->kernel) && same(a->movable, b->movable) && a->page_tables == b->page_tables &&
         a->kernel_stacks == b->kernel_stacks && a->per_cpu == b->per_cpu && a->floor == b->floor;
}
bool same(const GuestSample& a, const GuestSample& b) {
  return same(a.interval, b.interval) && same(a.load1, b.load1) && same(a.load5, b.load5) &&
         same(a.load15, b.load15) && same(a.cpu_used, b.cpu_used) && same(a.cpu_stolen, b.cpu_stolen) &&
         same(a.runnable, b.runnable) && same(a.blocked, b.blocked) && a.online_cpus == b.online_cpus &&
         same(a.cpu, b.cpu) && same(a.memory, b.memory) && same(a.io, b.io) && same_memory(a, b) &&
         same(a.refaults, b.refaults) && same(a.swapped_in, b.swapped_in) && a.oom_kills == b.oom_kills &&
         a.working_set_pages == b.working_set_pages && same_layout(a.layout, b.layout);
}

bool same(const SampleMessage& a, const SampleMessage& b) { return same(a.sample, b.sample) && a.event == b.event; }
bool same(const SamplePush& a, const SamplePush& b) { return same(a.sample, b.sample) && a.event == b.event; }
template <typename T>
bool same(const T& a, const T& b) {
  return a == b;
}

template <typename Variant>
bool same_alternative(const Variant& a, const Variant& b) {
  if (a.index() != b.index()) return false;
  return std::visit([&b](const auto& x) { return same(x, std::get<std::decay_t<decltype(x)>>(b)); }, a);
}

}  // namespace

TEST_CASE("documents round-trip") {
  CHECK(round_trips("VM status", draw::vm_status, decode_vm_status));
  CHECK(round_trips("migration spec", draw::migration_spec, decode_migration_spec));
  CHECK(round_trips("migration status", draw::migration_status, decode_migration_status));
  CHECK(round_trips("migration report", draw::migration_report, decode_migration_report));
  CHECK(round_trips("machine spec", draw::machine_spec, decode_machine_spec));
  CHECK(round_trips("machine state", draw::machine_state, decode_machine_state));
  CHECK(round_trips("machine event", draw::machine_event, decode_machine_event));
  CHECK(round_trips("runner spec", draw::runner_spec, decode_runner_spec));
  CHECK(round_trips("runner status", draw::runner_status, decode_runner_status));
  CHECK(round_trips("scaling config", draw::scaling_config, decode_scaling_config));
  CHECK(round_trips("event", draw::event, decode_event));
  CHECK(round_trips("headroom request", draw::headroom_request, decode_headroom_request));
  CHECK(round_trips("headroom answer", draw::headroom_answer, decode_headroom_answer));
  CHECK(round_trips("permit request", draw::permit_request, decode_permit_request));
  CHECK(round_trips("permit response", draw::permit_response, decode_permit_response));
}

TEST_CASE("a VM's spec round-trips through its object") {
  CHECK(rc::check("fresh", [] {
    const VmSpec spec = draw::vm_spec();
    Object object;
    encode_vm_spec(spec, object);
    const auto back = decode_vm_spec(object);
    if (!back.ok()) RC_FAIL(object.spec + "\n" + back.error().message);
    if (!(*back == spec)) RC_FAIL(object.spec);
    const Object before = object;
    encode_vm_spec(*back, object);
    RC_ASSERT(object == before);
  }));
  CHECK(rc::check("over another", [] {
    Object object;
    encode_vm_spec(draw::vm_spec(), object);
    const VmSpec spec = draw::vm_spec();
    encode_vm_spec(spec, object);
    const auto back = decode_vm_spec(object);
    if (!back.ok()) RC_FAIL(object.spec + "\n" + back.error().message);
    if (!(*back == spec)) RC_FAIL(object.spec);
  }));
}

TEST_CASE("status over another status keeps nothing of it but strangers") {
  CHECK(rc::check("VM status", [] {
    const VmStatus status = draw::vm_status();
    const std::string over = encode_over(encode(draw::vm_status()), status);
    if (!(decode_vm_status(over).value() == status)) RC_FAIL(over);
  }));
  CHECK(rc::check("migration status", [] {
    const MigrationStatus status = draw::migration_status();
    const std::string over = encode_over(encode(draw::migration_status()), status);
    if (!(decode_migration_status(over).value() == status)) RC_FAIL(over);
  }));
}

TEST_CASE("objects and nodes round-trip") {
  CHECK(rc::check("object", [] {
    const Object object = draw::object();
    const auto back = decode_object(encode_object(object));
    if (!back.ok()) RC_FAIL(back.error().message);
    if (!(*back == object)) RC_FAIL(encode_object(object));
    RC_ASSERT(decode_object(encode_object(object, 2)).value() == object);
  }));
  CHECK(rc::check("node", [] {
    const Node node = draw::node();
    Object object;
    encode_node(node, object);
    RC_ASSERT(decode_node(object).value() == node);
  }));
}

TEST_CASE("messages of guest and runner round-trip") {
  CHECK(rc::check("sample", [] {
    const GuestSample sample = draw::sample();
    RC_ASSERT(same(decode_guest_sample(encode(sample)).value(), sample));
  }));
  CHECK(rc::check("guest message", [] {
    const GuestMessage message = draw::guest_message();
    const std::string line = encode(message);
    RC_ASSERT(line.find('\n') == line.size() - 1);
    const auto back = decode_guest_message(line);
    if (!back.ok()) RC_FAIL(line + back.error().message);
    if (!same_alternative(*back, message)) RC_FAIL(line + encode(*back));
  }));
  CHECK(rc::check("runner message", [] {
    const RunnerMessage message = draw::runner_message();
    const std::string json = encode(message);
    const auto back = decode_runner_message(json);
    if (!back.ok()) RC_FAIL(json + "\n" + back.error().message);
    if (back->id != message.id || !same_alternative(back->body, message.body)) RC_FAIL(json + "\n" + encode(*back));
    RC_ASSERT(runner_message_id(json) == message.id);
  }));
}

TEST_CASE("messages of the monitor protocol round-trip") {
  CHECK(rc::check("agent to monitor", [] {
    const monitor::Message message = draw::message_to_monitor();
    const auto back = monitor::decode_from_agent(monitor::encode_from_agent(message)).value();
    RC_ASSERT(back.id == message.id);
    RC_ASSERT(back.body == message.body);
  }));
  CHECK(rc::check("monitor to agent", [] {
    const monitor::Message message = draw::message_from_monitor();
    const auto back = monitor::decode_from_monitor(monitor::encode_from_monitor(message)).value();
    RC_ASSERT(back.id == message.id);
    RC_ASSERT(back.body == message.body);
  }));
}
