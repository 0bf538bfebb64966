// Supervisor: PID 1's waiting (or that of a guardian beside another PID 1): keeps services running, reaps everything, and knows when the machine is to end.
//
// Called by guest/init. Threads: one; all signals are blocked and read from a descriptor. Nothing is polled: it sleeps
// until a signal, a key of the power button, or the time of a restart.
#pragma once

#include <optional>
#include <vector>

#include "guest/init/power_button.hpp"
#include "guest/init/service.hpp"
#include "guest/power.hpp"

namespace neonvm::guest {

class Supervisor {
 public:
  enum class AfterWorkload { restart, power_off, stay };

  Supervisor();
  void add(ServicePlan plan);
  void add_workload(ServicePlan plan, AfterWorkload after);
  // Starts what is due. To be called as soon as a service was added that should not wait for run().
  void tend();
  void find_power_button() { button_.open(); }
  [[nodiscard]] bool has_power_button() const { return !button_.devices().empty(); }
  // Returns when the machine is to end.
  PowerEnd run();
  // Stops everything that runs, and starts nothing again: the workload first, which has `grace` for it while the monitor
  // still speaks for it; then the rest by SIGTERM, and what does not go by SIGKILL. Returns as soon as nothing is left.
  void stop_all(Duration grace);
  // The services only, as a process that is not PID 1.
  void stop_services();

 private:
  void wait();
  void stop_workload(Instant until);
  [[nodiscard]] int pause_ms() const;
  void take_signals();
  void reap();
  void workload_ended(int wait_status);
  bool wait_for_all(Duration limit);

  Fd signals_;
  PowerButton button_;
  std::vector<Service> services_;
  std::optional<std::size_t> workload_;
  std::uint64_t workload_ends_ = 0;
  AfterWorkload after_workload_ = AfterWorkload::restart;
  std::optional<PowerEnd> end_;
};

}  // namespace neonvm::guest
