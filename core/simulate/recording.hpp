// Recording: from the samples of a running VM to the lines of a trace that replays it.
//
// Used by `neonvm record`; read again by the importer of "jsonl". Pure: samples bring their Instant. Threads: a value.
// Memory: one reading under way, whatever the length.
//
// cpu     what was used; with all CPUs busy or tasks waiting for one most of the time, the tasks that run or wait, since
//         that is what more CPUs would be used by
// memory  anonymous pages, shared memory and what is swapped out: what cannot be dropped
// file    pages of files in memory; which of them are read again cannot be seen from outside
// cpus, size: what the VM had, for comparing; no demand
// A figure that the guest does not tell is left out; a sample without CPU use is passed over.
#pragma once

#include <optional>
#include <string>

#include "core/model/metrics.hpp"
#include "core/model/resources.hpp"

namespace neonvm::simulate {

class Recording {
 public:
  Recording(std::string vm, Duration period) : vm_(std::move(vm)), period_(period) {}

  // A line with its end once a period is over; none while it is under way.
  std::optional<std::string> sampled(const GuestSample& sample, const Resources& has);
  [[nodiscard]] std::size_t readings() const { return readings_; }
  // Trace second of the last reading.
  [[nodiscard]] double length() const { return length_; }

 private:
  std::string vm_;
  Duration period_;
  std::optional<Instant> first_;       // trace second 0
  Instant due_{}, last_{};
  double cpu_seconds_ = 0, seconds_ = 0;
  std::size_t readings_ = 0;
  double length_ = 0;
};

}  // namespace neonvm::simulate
