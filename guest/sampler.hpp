// Sampler: takes a whole sample each period and at once when tasks begin to wait.
//
// Called by guest/monitor. Threads: loop thread. Samples by events are at least `least_gap` apart; an event in between is
// told with the next one. Failure: none; what /proc does not tell is absent in the sample.
#pragma once

#include <functional>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/proc_reader.hpp"

namespace neonvm::guest {

struct SamplerSettings {
  Duration period = std::chrono::seconds(1);
  Duration least_gap = std::chrono::milliseconds(50);
};

class Sampler {
 public:
  // event: "" for a periodic one.
  using Taken = std::function<void(const GuestSample& sample, const std::string& event)>;
  Sampler(runtime::Loop& loop, Taken taken, SamplerSettings settings = {}, const std::string& proc = "/proc");

  void start() { take(""); }
  void event(const std::string& name);
  [[nodiscard]] const GuestSample& last() const { return last_; }
  [[nodiscard]] std::vector<std::string> missing() const { return reader_.missing(); }

 private:
  void take(const std::string& event);

  runtime::Loop& loop_;
  Taken taken_;
  SamplerSettings settings_;
  ProcReader reader_;
  GuestSample last_;
  std::string waiting_;         // an event that came too soon after the sample before
  runtime::Timer timer_;
};

}  // namespace neonvm::guest
