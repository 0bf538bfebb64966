// Service: a program that our PID 1 keeps running, with a growing pause after each end that came too soon.
//
// Called by guest/init. RestartPace is pure. Threads: PID 1 has one. Failure: a start that is refused counts as an end
// with code 127, so it is tried again at the same pace.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "guest/process_setup.hpp"

namespace neonvm::guest {

class RestartPace {
 public:
  // How long to wait after a run of `ran`: 100 ms, doubled up to 5 s; from the start again after a run of 10 s.
  Duration after_run(Duration ran);

 private:
  Duration next_{};
};

struct ServicePlan {
  std::string name;
  std::vector<std::string> argv;       // argv[0] is a path or found in PATH, unless `program` says what is run
  std::vector<std::string> env;        // "NAME=value", added to ours
  std::string terminal;                // becomes its controlling terminal; empty: input from /dev/null, output to ours
  bool restart = true;
  int stop_signal = 15;
  std::string program;
  std::string workdir = {};            // made if it is not there; empty: ours
  std::optional<Owner> owner = {};     // none: ours
};

class Service {
 public:
  explicit Service(ServicePlan plan) : plan_(std::move(plan)) {}

  // Starts it if its time has come.
  void tend(Instant now);
  // When tend() is next of use; none: it runs, or never again.
  [[nodiscard]] std::optional<Instant> due() const { return due_; }
  // True if `pid` was this one; says on the console how it ended.
  bool ended(pid_t pid, int wait_status, Instant now);
  void stop();
  [[nodiscard]] bool running() const { return pid_ > 0; }

 private:
  ServicePlan plan_;
  RestartPace pace_;
  pid_t pid_ = 0;
  Instant started_{};
  std::optional<Instant> due_ = Instant{};
};

// Runs it now and waits for its end, at most `limit`; then it is left to itself. Says how it went.
void run_once(ServicePlan plan, Duration limit);

// "ended with code 3", "was killed by signal 9".
std::string text_of_end(int wait_status);

}  // namespace neonvm::guest
