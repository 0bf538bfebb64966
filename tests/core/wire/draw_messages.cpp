#include "tests/core/wire/draw.hpp"

namespace neonvm::draw {
namespace {

using namespace neonvm::wire;

std::uint32_t count() { return static_cast<std::uint32_t>(number()); }
std::uint16_t small() { return static_cast<std::uint16_t>(number()); }
int code() { return static_cast<int>(number()); }
Pressure pressure() { return {maybe_real(), maybe_real(), maybe_real(), maybe_real()}; }
std::string event_name() { return coin() ? "memory" : ""; }

void draw_memory(GuestSample& s) {
  s.memory_total = maybe_size();
  s.memory_available = maybe_size();
  s.memory_free = maybe_size();
  s.memory_anon = maybe_size();
  s.memory_file = maybe_size();
  s.memory_cached = maybe_size();
  s.memory_shmem = maybe_size();
  s.slab_reclaimable = maybe_size();
  s.slab_unreclaimable = maybe_size();
  s.swap_total = maybe_size();
  s.swap_free = maybe_size();
}

MemoryZone zone() { return {maybe_size(), maybe_size(), maybe_size(), maybe_size(), maybe_size(), maybe_size(), maybe_size()}; }

std::shared_ptr<const MemoryLayout> layout() {
  if (coin()) return nullptr;
  return std::make_shared<const MemoryLayout>(
      MemoryLayout{zone(), zone(), maybe_size(), maybe_size(), maybe_size(), maybe_size()});
}

Duration micros() { return std::chrono::microseconds(static_cast<std::int64_t>(below(1'000'000'000'000))); }

RunnerReport report() {
  RunnerReport r;
  r.sequence = number();
  r.vm = text();
  r.runner = text();
  r.phase = one_of(MachinePhase::gone);
  r.exit_reason = text();
  r.pid = whole();
  r.accelerator = text();
  r.machine_type = text();
  r.hypervisor_version = text();
  r.max_cpus = count();
  r.cpu = {cpu(), cpu(), coin(), text()};
  r.memory = {size(), size(), coin(), text()};
  r.revision = revision();
  r.resizing = coin();
  r.guest_connected = coin();
  r.guest_version = text();
  r.health = health();
  r.clock_news = text();
  r.clock_warning = coin();
  r.swap = maybe(memory_state);
  r.swap_used = size();
  r.files = list(files_state);
  r.notices = list(text);
  r.guest_floor = maybe(size);
  r.migration = migration_report();
  r.incoming_address = text();
  r.forwards = list(port);
  return r;
}

Code any_code() { return static_cast<Code>(1 + below(14)); }

}  // namespace

GuestSample sample() {
  GuestSample s;
  s.interval = maybe_real();
  s.load1 = maybe_real();
  s.load5 = maybe_real();
  s.load15 = maybe_real();
  s.cpu_used = maybe_real();
  s.cpu_stolen = maybe_real();
  s.runnable = maybe_real();
  s.blocked = maybe_real();
  s.online_cpus = count();
  s.cpu = pressure();
  s.memory = pressure();
  s.io = pressure();
  draw_memory(s);
  s.refaults = maybe_real();
  s.swapped_in = maybe_real();
  s.oom_kills = number();
  s.working_set_pages = list(real);
  s.layout = layout();
  return s;
}

GuestMessage guest_message() {
  const std::function<GuestMessage()> kinds[] = {
      [] { return Hello{code(), text(), text(), count(), count(), list(text)}; },
      [] { return SampleMessage{sample(), event_name()}; },
      [] { return WantMemory{size(), text()}; },
      [] { return WorkloadEnded{code(), text(), number(), coin()}; },
      [] { return HealthNews{health()}; },
      [] { return Notices{list(text)}; },
      [] { return SetCpus{number(), count(), revision()}; },
      [] { return AskConsent{number(), resources(), revision(), coin()}; },
      [] { return TellGrown{number(), resources(), revision()}; },
      [] { return AskClock{number()}; },
      [] { return SetClock{number(), micros(), micros()}; },
      [] { return DropSlab{number()}; },
      [] {
        return Reply{number(), coin(), text(), maybe(size), maybe(count), maybe(code), maybe(micros), maybe([] { return one_of(Told::warning); }), maybe(size)};
      },
      [] { return Exec{number(), list(text), texts(), coin(), small(), small()}; },
      [] { return StreamData{number(), one_of(Stream::file), raw(), coin()}; },
      [] { return Ack{number(), one_of(Stream::file), number()}; },
      [] { return Signal{number(), code()}; },
      [] { return PutFile{number(), text(), count()}; },
      [] { return GetFile{number(), text()}; },
      [] { return SetSwap{number(), size()}; },
      [] { return SetQuota{number(), text(), size()}; },
      [] { return CheckFiles{number(), text(), text()}; },
      [] { return PutFiles{number(), text(), text()}; },
      [] { return Shutdown{number()}; },
      [] { return Ping{number()}; },
      [] { return LinkError{text()}; },
      [] { return UnknownMessage{"x" + text()}; },
  };
  static_assert(std::size(kinds) == std::variant_size_v<GuestMessage>, "a new message wants its draw");
  return kinds[below(std::size(kinds))]();
}

RunnerMessage runner_message() {
  const std::function<RunnerBody()> kinds[] = {
      [] { return report(); },
      [] { return Subscribe{coin(), coin()}; },
      [] { return Explain{maybe(number)}; },
      [] { return Explained{text()}; },
      [] { return Resize{resources(), revision()}; },
      [] { return Consent{resources(), revision(), coin()}; },
      [] { return Grown{resources(), revision()}; },
      [] { return Swap{size()}; },
      [] { return Quota{text(), size()}; },
      [] { return Stop{millis()}; },
      [] { return Listen{machine_state()}; },
      [] { return MigrateTo{text(), migration_spec()}; },
      [] { return CancelMigration{}; },
      [] { return Activate{}; },
      [] { return Abandon{coin()}; },
      [] { return GetReport{}; },
      [] { return RunnerReply{coin(), any_code(), text(), text(), maybe(size), coin()}; },
      [] { return SamplePush{sample(), event_name()}; },
      [] { return WantPush{size(), text()}; },
      [] { return Rest{}; },
  };
  static_assert(std::size(kinds) == std::variant_size_v<RunnerBody>, "a new message wants its draw");
  return {number(), kinds[below(std::size(kinds))]()};
}

namespace {

AskId ask_id() { return {number(), number()}; }
HeadroomSpend headroom_spend() { return {text(), resources(), resources(), ask_id()}; }
HeldLease held_lease() { return {number(), resources(), millis(), list(headroom_spend)}; }

}  // namespace

HeadroomRequest headroom_request() { return {text(), number(), millis(), number(), number(), resources(), list(held_lease)}; }
HeadroomAnswer headroom_answer() { return {number(), number(), number(), resources(), coin(), millis(), text()}; }

PermitRequest permit_request() {
  return {static_cast<int>(number()), text(), text(), resources(), resources(), maybe(resources), maybe(real), ask_id()};
}

PermitResponse permit_response() { return {resources(), coin()}; }

monitor::Message message_to_monitor() {
  const auto cpus = [] { return static_cast<double>(below(1'000'000)) / 1000; };
  const std::function<monitor::Body()> kinds[] = {
      [&] { return monitor::UpscaleNotification{cpus(), size()}; },
      [&] { return monitor::DownscaleRequest{cpus(), size()}; },
      [] { return monitor::HealthCheck{}; },
      [] { return monitor::InvalidMessage{text()}; },
      [] { return monitor::InternalError{text()}; },
      [] { return monitor::Unknown{"x" + text()}; },
  };
  return {number(), kinds[below(std::size(kinds))]()};
}

monitor::Message message_from_monitor() {
  const std::function<monitor::Body()> kinds[] = {
      [] { return monitor::UpscaleRequest{}; },
      [] { return monitor::UpscaleConfirmation{}; },
      [] { return monitor::DownscaleResult{coin(), text()}; },
      [] { return monitor::HealthCheck{}; },
      [] { return monitor::InvalidMessage{text()}; },
      [] { return monitor::InternalError{text()}; },
      [] { return monitor::Unknown{"x" + text()}; },
  };
  return {number(), kinds[below(std::size(kinds))]()};
}

}  // namespace neonvm::draw
