// GuestConsent: what a guest decides for itself: "may I shrink to that?" and "do I need memory before the OOM killer acts?"
//
// Called by guest/monitor and simulate. Pure: samples and answers go in with their Instant (the guest's monotonic clock,
// in GuestSample::at), decisions come out of const functions. Threads: a value. Failure: without fresh samples the
// answer to a shrink is no, and nothing is wanted.
//
// Two rules, both must agree to a shrink:
//  - available: MemTotal - MemAvailable is what cannot leave without swapping; swapped-out pages count as used, because
//    they want to come back. The floor is that, plus headroom, plus what will be allocated until a grow could arrive.
//  - cgroup (only while cgroup_sampled() is fed): upstream's, 0.85 * (target - 100 MiB) must hold the mean anonymous
//    memory of the workload's cgroup plus 100 MiB (guest.md 3.8, 3.9).
// CPUs are always given: the scheduler of the kernel copes with fewer.
//
// Laws: consent(t) ok implies consent(t') ok for every t' >= t; a refusal names a floor unless samples are missing, and
// consent(floor) is then ok; a wish is above what the VM has (or will have, while it shrinks); the same wish is not
// repeated within `repeat_after`.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/corrections.hpp"
#include "core/model/instant.hpp"
#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"

namespace neonvm::decide {

struct ConsentSettings {
  // available rule
  double headroom = 0.1;                  // share of what is used, kept free after a shrink
  Bytes least_headroom{48 * mib};
  // VM size - MemTotal, while kernel_keeps() has not said: kernel image; besides 1/64 of MemTotal for page structs.
  Bytes unseen{24 * mib};
  double hot_refaults = 2000;             // file pages re-read per second above which the cache is in use: no shrink
  double pressed = 0.1;                   // share of time stalled on memory above which nothing is given
  // growth
  Duration rate_window = std::chrono::milliseconds(1000);   // over how long the growth rate is taken
  Duration lead = std::chrono::milliseconds(1500);          // how long a grow may take to arrive, with reserve
  double low_water = 0.08;                // share of MemTotal below which MemAvailable wants more, growing or not
  double pressed_water = 0.25;            // the same while tasks stall on memory
  Bytes least_step{64 * mib};             // smallest step worth asking for
  Duration repeat_after = std::chrono::seconds(1);
  // cgroup rule, upstream's constants
  Bytes kernel_reserve{100 * mib};
  double threshold = 0.85;
  Bytes buffer{100 * mib};
  std::size_t averaged = 5;
  std::size_t enough = 2;
  // both
  Duration stale = std::chrono::seconds(5);
};

struct ConsentAnswer {
  bool ok = false;
  std::string why;                        // always set, with the numbers
  std::optional<Bytes> floor;             // of !ok: the VM size to which it could shrink now; none: cannot say
};

struct MemoryWish {
  Bytes memory;                           // total VM size
  std::string why;
};

class GuestConsent {
 public:
  explicit GuestConsent(ConsentSettings settings = {});

  // Events. Samples may come at any pace; at least one each 250 ms while MemAvailable is below half of MemTotal lets a
  // guest that allocates 256 MiB/s be served in time. A sample from before the last one, or without MemTotal or
  // MemAvailable, is passed over; sizes of 4 PiB and more count as 4 PiB.
  void sampled(const GuestSample& sample);
  void cgroup_sampled(Bytes anonymous, Instant at);
  // The host said what the VM has (TellGrown), or we consented to a size.
  void size_told(Bytes memory, Instant at);
  // What the kernel has taken of the VM's memory before MemTotal: its image, page structs, bounce buffers. Without it a
  // guest can only guess how large its VM is, and may agree to a shrink below what it uses.
  void kernel_keeps(Bytes memory);
  // A hook named a working set that must stay (Postgres' file cache); 0 forgets it. Counts as used.
  void working_set_reported(Bytes memory);
  // The wish was sent.
  void wished(const MemoryWish& wish, Instant at);

  // Asks the processor for the samples kept, for who has thousands of guests; changes nothing.
  void fetch() const {
    if (!looks_.empty()) __builtin_prefetch(looks_.data());
  }

  // Decisions.
  [[nodiscard]] ConsentAnswer consent(const Resources& target, Instant now) const;
  [[nodiscard]] std::optional<MemoryWish> wish(Instant now) const;

  // The smallest VM size that consent() would take now by memory in use; none without fresh samples.
  [[nodiscard]] std::optional<Bytes> floor(Instant now) const;
  // Bytes per second by which used memory grows now; 0 when it shrinks or is not known.
  [[nodiscard]] double growth() const;
  // What the VM has: the size that we were told if MemTotal agrees with it, else what MemTotal lets us think.
  [[nodiscard]] std::optional<Bytes> size() const;
  [[nodiscard]] const Corrections& corrections() const { return corrections_; }

 private:
  struct Look {
    Instant at{};
    Bytes total, available, used;
    double refaults = absent, stalled = absent;
  };
  struct Anonymous {
    Instant at{};
    Bytes bytes;
  };

  [[nodiscard]] Bytes sane(Bytes size);
  [[nodiscard]] Bytes size_of(Bytes mem_total) const;
  [[nodiscard]] Bytes room_after(Bytes used) const;
  [[nodiscard]] double rate_since(Duration back) const;
  [[nodiscard]] bool fresh(Instant now) const;
  [[nodiscard]] std::optional<std::string> unwilling() const;
  [[nodiscard]] std::optional<Bytes> cgroup_floor() const;
  [[nodiscard]] Bytes heading_for(Instant now) const;
  [[nodiscard]] bool running_short() const;

  ConsentSettings settings_;
  std::vector<Look> looks_;                // few: from its front is removed, and all of it stays in the processor's cache
  std::deque<Anonymous> anonymous_;
  Bytes working_set_{0};
  std::optional<Bytes> kept_;
  std::optional<Bytes> told_;
  Instant told_at_{};
  std::optional<Instant> wished_at_;
  Bytes wished_{0};
  Corrections corrections_;
};

// Upstream's formulas (guest.md 3.8), for the monitor's protocol v1 and the file-cache hook.
// Memory of a reported VM size that counts: less 100 MiB, at least 0.
Bytes usable_memory(Bytes reported, const ConsentSettings& settings = {});
// floor(0.85 * usable): above this mean usage upstream's monitor asks for more.
Bytes usage_threshold(Bytes usable, const ConsentSettings& settings = {});
// Size of a file cache in a VM with so much usable memory: whole MiB.
Bytes file_cache_size(Bytes usable);

}  // namespace neonvm::decide
