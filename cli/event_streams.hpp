// event_streams: billing and scaling events of a process with an agent, put together from the settings.
//
// Nothing of a stream that goes to nobody. Loop thread; loop, world and registry outlive it. Failure: open() names the setting.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/config.hpp"
#include "core/daemon/biller.hpp"
#include "core/daemon/event_pusher.hpp"
#include "core/daemon/scaling_reporter.hpp"

namespace neonvm::cli {

class EventStreams {
 public:
  // node: whose VMs; empty: all.
  static Result<std::unique_ptr<EventStreams>> open(runtime::Loop& loop, daemon::World& world, runtime::MetricsRegistry& metrics,
                                                    const Config& config, const std::string& node);
  void start();
  // What to tell of an agent's sizes; empty: nobody asked for it.
  [[nodiscard]] std::function<void(const daemon::ScalingNews&)> listener();

 private:
  struct Stream {
    std::shared_ptr<daemon::EventSpool> spool;
    std::vector<std::unique_ptr<daemon::EventPusher>> pushers;

    void look() const {
      for (const auto& pusher : pushers) pusher->look();
    }
  };
  explicit EventStreams(runtime::Loop& loop, daemon::World& world, runtime::MetricsRegistry& metrics) : loop_(loop), world_(world), metrics_(metrics) {}
  Status open_stream(Stream& stream, daemon::EventStream which, const EventClients& clients, const Config& config);
  void open_biller(const Config& config, const std::string& node);

  runtime::Loop& loop_;
  daemon::World& world_;
  runtime::MetricsRegistry& metrics_;
  Stream billing_, scaling_;
  std::unique_ptr<daemon::Biller> biller_;
  std::unique_ptr<daemon::ScalingReporter> reporter_;
};

}  // namespace neonvm::cli
