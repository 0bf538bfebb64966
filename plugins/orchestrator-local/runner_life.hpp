// RunnerLife: one runner as the supervisor sees it, from its start to the removal of its object.
//
// Used by the supervisor's thread only. step() looks at the facts (the process, its socket, its machine, what the
// object wants), does what is due, writes what became known, and says when it wants to be called again; it is also
// called whenever one of fds() is ready. Nothing here is remembered that a successor of this process could not find
// again: the run directory and the store tell all. Failure: what could not be written is tried again a second later.
#pragma once

#include <poll.h>

#include <optional>
#include <string>
#include <vector>

#include "core/model/node.hpp"
#include "plugins/orchestrator-local/run_dir.hpp"
#include "plugins/orchestrator-local/store.hpp"

namespace neonvm::local {

// How long after its grace a runner may take before it is killed, and a QEMU that was told to end.
struct StopMargins {
  Duration runner = std::chrono::seconds(3);
  Duration machine = std::chrono::seconds(2);
};

// The annotation of a runner's object that says how much grace its VM has, in milliseconds.
constexpr const char* grace_annotation = "neonvm.local/grace-ms";

class RunnerLife {
 public:
  RunnerLife(Store& store, StopMargins margins, const Object& runner);

  void changed(const Object& runner);
  // When to call again at the latest; Instant::max() when only an event can bring news.
  Instant step(Instant now);
  void fds(std::vector<pollfd>& into) const;
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] const std::string& run_dir() const { return dir_.path(); }

 private:
  enum class Process { unknown, alive, ended };

  void find_process();
  void adopt(pid_t pid, UniqueFd process);
  void look_at_process();
  void look_for_machine();
  void look_at_machine();
  void ended(const std::string& how);
  void tell();
  Instant stop(Instant now);
  Instant stop_machine(Instant now);
  Instant finish(Instant now);
  [[nodiscard]] bool owns_dir() const;

  Store& store_;
  const StopMargins margins_;
  const std::string name_;
  RunDir dir_;
  RunnerStatus status_, told_;
  bool machine_looked_for_;
  std::string grace_text_;
  bool deleting_ = false, over_ = false;

  Process process_ = Process::unknown;
  pid_t pid_ = 0;
  UniqueFd process_fd_, machine_fd_;

  std::optional<Instant> stop_by_;  // when the grace ends
  bool asked_runner_ = false, killed_runner_ = false;
  std::optional<Instant> kill_machine_at_;
  Instant retry_at_ = Instant::max();
};

}  // namespace neonvm::local
