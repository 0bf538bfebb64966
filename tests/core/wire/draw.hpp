// Random values of every noun and message, drawn from rapidcheck's current test case, so that a failure shrinks.
//
// Called inside rc::check() only. Values are what the types can hold and JSON can carry: texts are UTF-8, durations
// whole milliseconds, sizes of a VM whole slots.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/machine.hpp"
#include "core/model/metrics.hpp"
#include "core/model/node.hpp"
#include "core/model/object.hpp"
#include "core/model/vm.hpp"
#include "core/wire/guest_protocol.hpp"
#include "core/wire/monitor_protocol.hpp"
#include "core/wire/permit_protocol.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::draw {

// True as often as false; when a failure is shrunk, false.
bool coin();
std::uint64_t below(std::uint64_t end);
std::uint64_t number();   // any 64 bits, small ones often
std::int64_t whole();     // any sign
double real();            // finite
double maybe_real();      // or `absent`
std::string text();       // quotes, newlines, umlauts, emoji, controls; often empty
std::string label();      // a DNS label
std::string raw();        // any bytes
MilliCpu cpu();
Bytes size();             // any but `unknown`
Bytes maybe_size();       // or `unknown`
Resources resources();
Revision revision();
Duration millis();
Duration whole_seconds();
WallTime time();          // years 1970 to 9999, whole milliseconds

template <typename E>
E one_of(E last) {
  return static_cast<E>(below(static_cast<std::uint64_t>(last) + 1));
}
template <typename F>
auto maybe(F f) -> std::optional<decltype(f())> {
  if (!coin()) return std::nullopt;
  return f();
}
template <typename F>
auto list(F f) -> std::vector<decltype(f())> {
  std::vector<decltype(f())> all(below(4));
  for (auto& each : all) each = f();
  return all;
}
std::map<std::string, std::string> texts();

VmSpec vm_spec();
Scaling scaling(const VmSpec& spec);
ScalingConfig scaling_config();
Port port();
VmStatus vm_status();
MigrationSpec migration_spec();
MigrationStatus migration_status();
MigrationReport migration_report();
WorkloadHealth health();
MemoryState memory_state();
FilesState files_state();
MachineSpec machine_spec();
MachineState machine_state();
MachineEvent machine_event();
Node node();
RunnerSpec runner_spec();
RunnerStatus runner_status();
Object object();
Event event();
GuestSample sample();
wire::GuestMessage guest_message();
wire::RunnerMessage runner_message();
HeadroomRequest headroom_request();
HeadroomAnswer headroom_answer();
wire::PermitRequest permit_request();
wire::PermitResponse permit_response();
wire::monitor::Message message_to_monitor();
wire::monitor::Message message_from_monitor();

}  // namespace neonvm::draw
