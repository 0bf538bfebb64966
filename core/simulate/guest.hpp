// Guest: one VM's kernel and workload: run queue, load average, PSI, memory zones, page cache, OOM killer.
//
// Owned by one simulated VM; no clock: advance() moves it over an interval in which demand and size are constant.
//
// CPU: work that finds no CPU waits, up to `backlog` seconds of demand, and is then given up. Tasks running or waiting
// are what the kernel counts; the load averages follow its fixed-point formula (include/linux/sched/loadavg.h: every
// 5 s, factors 1884, 2014, 2037 of 2048), fed with whole tasks so that fractions even out over time.
// Memory: base memory in ZONE_NORMAL, plugged memory in ZONE_MOVABLE (which the kernel's own pages may not use; 64 bytes
// of them for each 4 KiB plugged). MemTotal of a base of 512 MiB is 484 MiB, as measured. Files fill what is free; pages
// read once go before those of the working set; of the working set, what had to leave is read again (refaults).
#pragma once

#include <cstdint>

#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"
#include "core/simulate/demand.hpp"
#include "core/simulate/settings.hpp"

namespace neonvm::simulate {

struct GuestSize {
  double cpus = 0;        // CPU time per second that it may use
  double memory = 0;      // bytes that it has
};

class Guest {
 public:
  // base: memory that is never unplugged.
  Guest(const GuestRates& rates, Bytes base, std::uint32_t most_cpus);

  // Work done and missed during one advance().
  struct Done {
    double used = 0;        // core-seconds
    double throttled = 0;   // core-seconds of new work that found no CPU
    std::uint32_t oom_kills = 0;
  };
  Done advance(const Demand& demand, const GuestSize& size, double seconds);

  // What `neonvm monitor` would say now, over the last `interval` seconds. `at` and `interval` are set by the caller.
  void sample_into(GuestSample& sample) const;

  // Bytes of memory that cannot leave, and how much of what the VM has is free, file pages, anonymous.
  [[nodiscard]] double least_memory() const;
  [[nodiscard]] double free() const { return free_; }
  [[nodiscard]] double available() const { return available_; }
  [[nodiscard]] double total() const { return total_; }
  [[nodiscard]] double anonymous() const { return anonymous_; }
  [[nodiscard]] double file() const { return hot_ + cold_; }
  [[nodiscard]] double used() const { return anonymous_ + kernel_; }
  [[nodiscard]] double load1() const { return static_cast<double>(load_[0]) / 2048.0; }
  [[nodiscard]] double stalled() const { return stalled_; }
  [[nodiscard]] bool starved() const { return starved_; }      // anonymous memory did not fit
  [[nodiscard]] std::uint64_t oom_kills() const { return oom_kills_; }
  // Bytes/s by which anonymous memory would grow under `demand`; 0: it has arrived.
  [[nodiscard]] double growth(const Demand& demand) const;

 private:
  void run(const Demand& demand, double cpus, double seconds, Done& done);
  void tick_load(std::uint64_t tasks);
  void remember(const Demand& demand, double cpus);
  void use_memory(const Demand& demand, double memory, double seconds, Done& done);
  void fill_cache(const Demand& demand, double room, double seconds);
  void kill(Done& done);
  void account(double memory);

  const GuestRates* rates_;
  double base_, workers_;

  // run queue
  double backlog_ = 0, tasks_ = 0, carry_ = 0, since_tick_ = 0, wait_share_ = 0, some_ = 0, some10_ = 0;
  std::uint64_t load_[3] = {0, 0, 0};      // fixed point
  double seen_cpu_ = -1, seen_cpus_ = -1, used_rate_ = 0;
  double resting_ = 0;                     // seconds until the killed workload is back

  // memory
  double memory_ = 0, total_ = 0, kernel_ = 0, anonymous_ = 0, hot_ = 0, cold_ = 0, was_hot_ = 0, free_ = 0, available_ = 0;
  double refaults_ = 0, stalled_ = 0, stalled10_ = 0;
  std::uint64_t oom_kills_ = 0;
  std::uint32_t online_ = 1;
  bool starved_ = false, still_ = false;
  Demand seen_;
};

}  // namespace neonvm::simulate
