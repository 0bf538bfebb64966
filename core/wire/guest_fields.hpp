// Private to wire: members of a GuestSample, which the guest, the runner and traces carry alike.
//
// `at` does not travel: the clock of a guest is not trusted. Sizes are numbers of bytes: samples are many.
#pragma once

#include "core/model/metrics.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<Pressure> auto& p) {
  v.field("some", p.some);
  v.field("full", p.full);
  v.field("someAvg10", p.some_avg10);
  v.field("fullAvg10", p.full_avg10);
}

void cpu_fields(auto& v, auto& s) {
  v.field("load1", s.load1);
  v.field("load5", s.load5);
  v.field("load15", s.load15);
  v.field("cpuUsed", s.cpu_used);
  v.field("cpuStolen", s.cpu_stolen);
  v.field("runnable", s.runnable);
  v.field("blocked", s.blocked);
  v.field("onlineCpus", s.online_cpus);
  v.group("cpu", [&s](auto& pressure) { describe(pressure, s.cpu); });
  v.group("memory", [&s](auto& pressure) { describe(pressure, s.memory); });
  v.group("io", [&s](auto& pressure) { describe(pressure, s.io); });
}

void describe(auto& v, Like<MemoryZone> auto& z) {
  v.plain("present", z.present);
  v.plain("managed", z.managed);
  v.plain("free", z.free);
  v.plain("high", z.high);
  v.plain("file", z.file);
  v.plain("anonymous", z.anonymous);
  v.plain("unevictable", z.unevictable);
}

void describe(auto& v, Like<MemoryLayout> auto& l) {
  v.group("kernel", [&l](auto& zone) { describe(zone, l.kernel); });
  v.group("movable", [&l](auto& zone) { describe(zone, l.movable); });
  v.plain("pageTables", l.page_tables);
  v.plain("kernelStacks", l.kernel_stacks);
  v.plain("perCpu", l.per_cpu);
  v.plain("floor", l.floor);
}

inline void layout_field(Reader& v, std::shared_ptr<const MemoryLayout>& layout) {
  std::optional<MemoryLayout> told;
  v.field("layout", told);
  if (told) layout = std::make_shared<const MemoryLayout>(*told);
}
inline void layout_field(Writer& v, const std::shared_ptr<const MemoryLayout>& layout) {
  if (layout) v.need("layout", *layout);
}

void memory_fields(auto& v, auto& s) {
  v.plain("memoryTotal", s.memory_total);
  v.plain("memoryAvailable", s.memory_available);
  v.plain("memoryFree", s.memory_free);
  v.plain("memoryAnon", s.memory_anon);
  v.plain("memoryFile", s.memory_file);
  v.plain("memoryCached", s.memory_cached);
  v.plain("memoryShmem", s.memory_shmem);
  v.plain("slabReclaimable", s.slab_reclaimable);
  v.plain("slabUnreclaimable", s.slab_unreclaimable);
  v.plain("swapTotal", s.swap_total);
  v.plain("swapFree", s.swap_free);
  v.field("refaults", s.refaults);
  v.field("swappedIn", s.swapped_in);
  v.field("oomKills", s.oom_kills);
  v.field("workingSetPages", s.working_set_pages);
  layout_field(v, s.layout);
}

void describe(auto& v, Like<GuestSample> auto& s) {
  v.field("interval", s.interval);
  cpu_fields(v, s);
  memory_fields(v, s);
}

}  // namespace neonvm::wire
