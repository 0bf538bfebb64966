// HealthCheck: runs the check of an image (HEALTHCHECK) again and again, and knows what it says of the workload.
//
// Rules as Docker's: healthy after a check that ends with code 0; unhealthy after `retries` failures in a row, of which
// those within the start period do not count; a workload that is started again begins anew. One difference: until the
// first success it is asked more often than every `interval`, so that readiness is known when it comes.
// A program has no event for "I work now": this polls because the image's owner said how.
//
// Called by guest/monitor. Threads: loop thread; nothing blocks. The check runs with the workload's environment, owner and
// folder; one that is late is killed with its group and has failed. HealthRecord is pure.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/model/vm.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/workload.hpp"
#include "guest/child_output.hpp"
#include "guest/child_process.hpp"

namespace neonvm::guest {

class HealthRecord {
 public:
  HealthRecord(const wire::WorkloadCheck& check, Instant began);
  void passed();
  void failed(const std::string& why, Instant now);
  [[nodiscard]] const WorkloadHealth& health() const { return health_; }
  // From the end of one check to the beginning of the next.
  [[nodiscard]] Duration pause() const;

 private:
  Duration interval_, start_period_;
  std::int32_t retries_;
  Instant began_;
  std::int32_t failures_ = 0;       // in a row
  std::int32_t checks_ = 0;         // until the first success
  WorkloadHealth health_{Health::starting, ""};
};

class HealthCheck {
 public:
  using Changed = std::function<void()>;
  // The workload must have a check.
  HealthCheck(runtime::Loop& loop, const wire::Workload& workload, Changed changed);
  ~HealthCheck();
  HealthCheck(const HealthCheck&) = delete;
  HealthCheck& operator=(const HealthCheck&) = delete;

  // The workload has begun, or begins again.
  void start();
  [[nodiscard]] const WorkloadHealth& health() const { return record_.health(); }

 private:
  void run();
  void ended(int code);
  void judge(const std::string& failure);

  runtime::Loop& loop_;
  wire::WorkloadCheck check_;
  ChildOrder order_;
  Changed changed_;
  HealthRecord record_;
  runtime::Timer next_, limit_;
  std::unique_ptr<ChildProcess> process_;
  static constexpr std::size_t most_said = 4096;
  std::string said_;
  ChildOutput output_{said_, most_said}, error_{said_, most_said};
  bool late_ = false, anew_ = false;
};

}  // namespace neonvm::guest
