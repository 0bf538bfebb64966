// GuestSample: one look at a guest's load and memory, taken by `neonvm monitor`.
//
// A number that the guest could not tell is NaN (double) or `unknown` (Bytes): absent is never zero. Rates are over the
// time since the sample before. Sources: /proc/loadavg, /proc/stat, /proc/meminfo, /proc/vmstat, /proc/zoneinfo,
// /proc/pressure (proc(5); Documentation/accounting/psi.rst).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm {

constexpr double absent = std::numeric_limits<double>::quiet_NaN();
constexpr Bytes unknown{std::numeric_limits<std::uint64_t>::max()};

constexpr bool is_known(double x) { return x == x; }
constexpr bool is_known(Bytes b) { return b != unknown; }

// Share of the interval, 0..1, in which some (all) tasks waited for the resource, and the kernel's 10 s average.
struct Pressure {
  double some = absent;
  double full = absent;
  double some_avg10 = absent;
  double full_avg10 = absent;
};

// Zones of the guest's kernel, summed: those from which the kernel can take memory for itself, and the movable one.
struct MemoryZone {
  Bytes present = unknown;      // with what the kernel keeps for itself and what virtio-mem has not plugged yet
  Bytes managed = unknown;
  Bytes free = unknown;
  Bytes high = unknown;         // watermark: below it pages are being dropped
  Bytes file = unknown;         // of files, on the lists that reclaim looks at
  Bytes anonymous = unknown;    // of programs, tmpfs and shared memory: leave only for swap
  Bytes unevictable = unknown;  // locked, and initramfs
};

// How a guest's memory lies and what holds it, beyond what the fields of the sample say.
struct MemoryLayout {
  MemoryZone kernel;            // DMA, DMA32, Normal
  MemoryZone movable;           // Movable; absent: this kernel has put nothing there
  Bytes page_tables = unknown;
  Bytes kernel_stacks = unknown;
  Bytes per_cpu = unknown;
  Bytes floor = unknown;        // the smallest size of the VM that the guest would agree to now
};

struct GuestSample {
  Instant at{};                 // when the host received it; the guest's clock is not trusted for decisions
  double interval = absent;     // seconds since the sample before, by the guest's monotonic clock

  double load1 = absent;        // kernel load averages: running + uninterruptible tasks
  double load5 = absent;
  double load15 = absent;
  double cpu_used = absent;     // CPUs' worth of non-idle time in the interval: 0 .. online_cpus
  double cpu_stolen = absent;   // CPUs' worth of steal time
  double runnable = absent;     // procs_running now, the sampler itself excluded
  double blocked = absent;      // procs_blocked now
  std::uint32_t online_cpus = 0;
  Pressure cpu, memory, io;

  Bytes memory_total = unknown;      // MemTotal: what the kernel manages now
  Bytes memory_available = unknown;  // MemAvailable
  Bytes memory_free = unknown;
  Bytes memory_anon = unknown;       // AnonPages
  Bytes memory_file = unknown;       // Cached + Buffers - Shmem: file pages, reclaimable unless dirty
  Bytes memory_cached = unknown;     // Cached + Buffers, upstream's host_memory_cached_bytes
  Bytes memory_shmem = unknown;
  Bytes slab_reclaimable = unknown;
  Bytes slab_unreclaimable = unknown;
  Bytes swap_total = unknown;
  Bytes swap_free = unknown;
  double refaults = absent;          // workingset_refault_{anon,file} pages per second
  double swapped_in = absent;        // pages per second
  std::uint64_t oom_kills = 0;       // oom_kill of /proc/vmstat since boot
  std::shared_ptr<const MemoryLayout> layout;  // null: not told. Shared, because samples are many and copied often

  // Working set of a file cache over the last 1, 2, 3, ... minutes, in 8 KiB pages. Empty: nothing measures it.
  std::vector<double> working_set_pages;
};

// Upstream's figure for "memory in use": total - available + 100 MiB for the kernel (autoscaling.md 3.1).
Bytes memory_used_by_upstream(const GuestSample& sample);

}  // namespace neonvm
