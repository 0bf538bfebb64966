// EventPusher: brings the batches of a spool to one client, the oldest first, until it has them.
//
// One for each client. Loop thread; sending and the disk are on a worker. A batch that fails is sent again after 1 s doubling to 60 s,
// without end: what a receiver does not want stands in the metric and the log, and the spool is bounded. The same batch may come
// twice (EventSink says how a receiver knows it). Lifetime: the spool and the registry outlive it; what is under way when it ends is sent
// again by the next.
#pragma once

#include <memory>
#include <string>

#include "core/daemon/event_sink.hpp"
#include "core/daemon/event_spool.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"

namespace neonvm::daemon {

struct EventPusherSettings {
  EventStream stream = EventStream::billing;
  std::string client;                      // "http", "s3", "azureBlob"
  Duration timeout = std::chrono::seconds(20);       // of one batch
  Duration first_retry = std::chrono::seconds(1), longest_retry = std::chrono::seconds(60);
};

class EventPusher {
 public:
  EventPusher(runtime::Loop& loop, std::shared_ptr<EventSpool> spool, runtime::MetricsRegistry& metrics, EventPusherSettings settings, SendBatch send);

  // There may be another batch.
  void look();

 private:
  struct Sent {
    std::uint64_t number = 0;              // 0: there was none
    Status status;
    Duration took{};
  };
  void sent(const Sent& sent);

  runtime::Loop& loop_;
  std::shared_ptr<EventSpool> spool_;
  runtime::MetricsRegistry& metrics_;
  EventPusherSettings settings_;
  std::shared_ptr<const SendBatch> send_;
  bool busy_ = false, again_ = false;
  Duration retry_{};
  std::string told_;                       // the failure that is in the log
  runtime::Timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<void> collected_;
};

}  // namespace neonvm::daemon
