// procfs: what the texts under /proc, /proc/pressure and a cgroup mean.
//
// Called by guest/proc_reader, the tests and the fuzzer. Pure: text in, numbers out; no file is opened here. Threads:
// values. Failure: none. A line that is missing, cut or not a number leaves its field absent, because one odd kernel
// must not cost all the other numbers of a sample.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/model/metrics.hpp"

namespace neonvm::guest {

struct ProcTexts {
  std::string_view loadavg, stat, meminfo, vmstat;
  std::string_view cpu_pressure, memory_pressure, io_pressure;
  std::string_view zoneinfo = {};
};

// Counters since boot; none: not told by this kernel.
struct PressureReading {
  double some_avg10 = absent, full_avg10 = absent;   // 0..1
  std::optional<std::uint64_t> some_us, full_us;
};

struct ProcReading {
  double load1 = absent, load5 = absent, load15 = absent;
  std::optional<std::uint64_t> busy_ticks, stolen_ticks;  // all CPUs together
  double runnable = absent, blocked = absent;             // the reader itself excluded
  std::uint32_t online_cpus = 0;
  PressureReading cpu, memory, io;
  Bytes total = unknown, available = unknown, free = unknown, anon = unknown, cached = unknown, buffers = unknown;
  Bytes shmem = unknown, slab_reclaimable = unknown, slab_unreclaimable = unknown;
  Bytes swap_total = unknown, swap_free = unknown;
  std::optional<std::uint64_t> refaults, swapped_in;      // pages
  std::uint64_t oom_kills = 0;
  std::shared_ptr<const MemoryLayout> layout;
};

ProcReading read_proc(const ProcTexts& texts);

// Rates need two readings; a counter that went back (a CPU was unplugged) gives an absent rate. `ticks`: of /proc/stat
// a second (USER_HZ).
GuestSample sample_between(const ProcReading& before, const ProcReading& now, Duration elapsed, double ticks = 100);
// Without rates: the first look after the start.
GuestSample sample_of(const ProcReading& now);

PressureReading read_pressure(std::string_view text);
// Of /proc/meminfo: "MemAvailable:". 0: there is no such line, or no number in it.
Bytes meminfo_line(std::string_view meminfo, std::string_view name);

// What the kernel had taken of the zones at boot (present, but not managed), from /proc/zoneinfo. A zone that plugged
// memory may be in (Normal, Movable) counts only if none is: its present pages are whole blocks then.
std::optional<Bytes> read_kernel_share(std::string_view zoneinfo, bool plugged, std::uint64_t page = 4096);
// Whether /proc/iomem names memory of virtio-mem or of a hot-plugged DIMM.
bool has_plugged_memory(std::string_view iomem);
// active_anon + inactive_anon of a cgroup's memory.stat: upstream's figure (guest.md 3.7).
std::optional<Bytes> read_cgroup_anonymous(std::string_view memory_stat);

}  // namespace neonvm::guest
