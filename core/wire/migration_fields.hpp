// Private to wire: members of VirtualMachineMigration (neonvm.md 1.6) and of a hypervisor's migration report.
#pragma once

#include "core/model/machine.hpp"
#include "core/model/vm.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<MigrationSpec> auto& m) {
  v.need("vmName", m.vm);
  // Upstream's way to say where to: it declares the selector and never reads it.
  v.open_group("nodeSelector", [&m](auto& selector) { selector.field("kubernetes.io/hostname", m.target_node); });
  v.field_or("preventMigrationToSameHost", m.prevent_same_node, true);
  v.field_or("allowPostCopy", m.allow_post_copy, false);
  v.field_or("cancel", m.cancel, false);
  v.seconds_or("completionTimeout", m.timeout, std::chrono::minutes{10});
  Bytes bandwidth{m.max_bandwidth};
  v.field_or("maxBandwidth", bandwidth, Bytes{});
  if constexpr (std::remove_reference_t<decltype(v)>::reads) m.max_bandwidth = bandwidth.value;
  v.keep({"incremental", "autoConverge", "nodeAffinity"});
}

void describe(auto& v, Like<MigrationProgress> auto& p) {
  v.field("step", p.step);
  v.group("ram", [&p](auto& ram) {
    ram.plain("transferred", p.transferred);
    ram.plain("remaining", p.remaining);
    ram.plain("total", p.total);
  });
  v.millis("totalTimeMs", p.total_time);
  v.millis("downtimeMs", p.downtime);
  v.field_or("dirtyRate", p.dirty_rate, 0);
  v.keep({"status", "setupTimeMs", "compression"});
}

void describe(auto& v, Like<MigrationStatus> auto& m) {
  v.field_or("phase", m.phase, MigrationPhase::none);
  v.field("message", m.why);
  v.field("sourceNode", m.source_node);
  v.field("targetNode", m.target_node);
  v.field("sourcePodName", m.source_runner);
  v.field("targetPodName", m.target_runner);
  v.field("info", m.progress);
  v.field("startedAt", m.started);
  v.field("endedAt", m.ended);
  v.keep({"conditions", "sourcePodIP", "targetPodIP"});
}

void describe(auto& v, Like<MigrationReport> auto& r) {
  v.need("state", r.state);
  v.field("progress", r.progress);
  v.field("why", r.why);
}

}  // namespace neonvm::wire
