// ScalingReporter: scaling events as upstream sends them (reference: autoscaling.md 8.2), written down before anybody sends them.
//
// Owned by the process of an agent. Loop thread; the disk is on a worker, one call at a time. An event is on the disk within the time of
// one write; every `push_every` what has come becomes a batch. A hypothetical event, which comes with each sample, is left out while
// neither its target nor its components have changed by more than a quarter of a unit. Sizes need not be whole units here, so upstream's
// condition that they are is not made. Failure: a full spool keeps the newest `most_waiting` events in memory and says so.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/daemon/event_spool.hpp"
#include "core/daemon/vm_scaler.hpp"
#include "core/daemon/world.hpp"

namespace neonvm::daemon {

struct ScalingReporterSettings {
  std::string region;
  Resources compute_unit = default_compute_unit;
  double cu_multiplier = 1;                // of product's units in one of ours
  Duration push_every = std::chrono::seconds(30);
};

class ScalingReporter {
 public:
  static constexpr std::size_t most_waiting = 10000;

  ScalingReporter(runtime::Loop& loop, const World& world, runtime::MetricsRegistry& metrics, std::shared_ptr<EventSpool> spool,
                  ScalingReporterSettings settings, std::function<void()> committed);

  void start();
  void heard(const ScalingNews& news);

 private:
  struct Told {
    double target = 0, cpu = 0, memory = 0;
  };
  void write();
  void seal();

  runtime::Loop& loop_;
  const World& world_;
  runtime::MetricsRegistry& metrics_;
  std::shared_ptr<EventSpool> spool_;
  ScalingReporterSettings settings_;
  std::function<void()> committed_;
  std::map<std::string, Told> told_;       // by VM uid, of hypothetical events
  std::map<std::string, double> counts_;   // by kind
  std::deque<std::string> lines_;
  bool writing_ = false;
  std::string complained_;
  runtime::Timer timer_, retry_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
