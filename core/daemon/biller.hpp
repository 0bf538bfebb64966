// Biller: who has used how much of a node, told in events that nobody has to send twice and that no crash loses.
//
// Owned by the process of an agent. Loop thread; the disk is on a worker, one call at a time. Sizes are integrated when they change, as
// the world tells (decide/usage_book). Every `accumulate` the whole units become a batch of the spool, which carries the book as it
// is afterwards; only when that is written down as the book's own file is the batch released to be sent. Whoever starts again goes on from
// the newer of both: what was charged is in the batch, and what was not is in the book. The book's file is also written after each change.
// What happened while nobody looked counts as the smaller of the sizes before and after, and not at all of VMs that are gone.
// Failure: a spool that is full, or a disk: the charge waits and the next covers the time; metric and log say so.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/daemon/event_spool.hpp"
#include "core/daemon/world.hpp"
#include "core/decide/usage_book.hpp"
#include "core/model/vm.hpp"
#include "core/runtime/loop.hpp"
#include "core/runtime/metrics_registry.hpp"
#include "core/wire/usage.hpp"

namespace neonvm::daemon {

// The VM is billed to whom it names; an empty text counts.
constexpr const char* billing_annotation = "autoscaling.neon.tech/billing-endpoint-id";

struct BillerSettings {
  std::string node;                        // only VMs there; empty: all
  bool everybody = false;                  // also VMs without the annotation, to their own name
  std::string cpu_metric = "effective_compute_seconds", active_metric = "active_time_seconds";
  std::string memory_metric;               // MiB times seconds; empty: no such events
  Duration accumulate = std::chrono::seconds(24);
  Duration write_again = std::chrono::seconds(4);      // the book, even without a change: a VM that ends unseen is counted until then
  std::string book_file, host;
};

class Biller {
 public:
  // committed: there is another batch to be sent.
  Biller(runtime::Loop& loop, const World& world, runtime::MetricsRegistry& metrics, std::shared_ptr<EventSpool> spool, BillerSettings settings,
         std::function<void()> committed);
  ~Biller();
  Biller(const Biller&) = delete;
  Biller& operator=(const Biller&) = delete;

  // REQUIRES the world to watch virtual machines.
  void start(World& world);

 private:
  struct Pending {
    std::vector<std::string> lines;
    std::string book;                      // as it is after them
  };
  void read_book();
  void begin();
  void changed(const Change& change);
  void charge();
  void write();
  struct Written {
    bool committed = false;                // the batch, whatever became of the book's file
    Status status;
  };
  void written(const Written& written);
  [[nodiscard]] std::map<std::vector<std::string>, int> vms_by_kind() const;
  [[nodiscard]] std::vector<std::string> events_of(const std::vector<decide::Charge>& charges, WallTime now) const;
  [[nodiscard]] std::optional<std::pair<decide::UsageKey, Resources>> billed(const Object& vm) const;
  [[nodiscard]] std::string book_text() const;

  runtime::Loop& loop_;
  const World& world_;
  runtime::MetricsRegistry& metrics_;
  std::shared_ptr<EventSpool> spool_;
  BillerSettings settings_;
  std::function<void()> committed_;
  std::string boot_;

  decide::UsageBook book_;
  std::map<std::string, decide::UsageKey> keys_;   // by VM name, of those that run
  wire::SavedUsage saved_;                         // its accounts are not kept here
  bool read_ = false, running_ = false;
  std::optional<Pending> pending_;                 // charged, not on the disk yet
  bool writing_ = false, dirty_ = false, release_due_ = false;
  std::string told_;
  runtime::Timer charge_timer_, write_timer_;
  std::vector<World::Subscription> subscriptions_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::shared_ptr<void> collected_;
};

}  // namespace neonvm::daemon
