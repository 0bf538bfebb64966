// FakeOrchestrator: the orchestrator door in memory, whole, with faults on demand.
//
// Called by tests of daemon, cli and plugin. Passes the same contract suite as the real ones
// (tests/core/ports/orchestrator_contract.hpp). Threads: as the door says; the faults too may be ordered from any
// thread. Lifetime: watches may outlive it only if nobody calls them. Time: leases run on the monotonic clock plus what
// advance() added.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/ports/orchestrator.hpp"

namespace neonvm::fakes {

class FakeOrchestrator : public Orchestrator {
 public:
  // Stand-ins for runner processes; called with no lock held, so that they may call the door. Without `start` a runner
  // is running at once, with endpoint "fake:<name>"; without `stop` it is gone at once.
  struct RunnerHooks {
    std::function<Result<RunnerStatus>(const Object& runner)> start;
    std::function<void(const Object& runner, Duration grace)> stop;
  };

  // home: absolute; VM directories and run directories are named below it, none is made.
  explicit FakeOrchestrator(std::string home = "/nonexistent/fake", RunnerHooks hooks = {});
  ~FakeOrchestrator() override;

  void set_hooks(RunnerHooks hooks);
  // A runner's life as its process would tell it.
  void runner_changed(const std::string& name, const RunnerStatus& status);
  // Its process ended. vm_runs_on: its QEMU did not; then the object stays even if it is being deleted.
  void runner_ended(const std::string& name, RunnerPhase phase, const std::string& reason, bool vm_runs_on = false);

  // Its object was taken away by force; its process knows nothing of that.
  void runner_taken_away(const std::string& name);

  // Faults. The next `count` update/update_status answer conflict and write nothing.
  void conflict_next_writes(int count = 1);
  // The next `calls` calls of the door (watches excepted) answer unavailable and do nothing; 0 ends it.
  void unavailable_for(int calls);
  // The next `count` writes happen, but answer deadline_exceeded.
  void lose_next_replies(int count = 1);
  // A watch of this kind cannot be opened until it is let.
  void refuse_watches(Kind kind, bool refused = true);
  // Every open watch answers unavailable once and then catches up.
  void break_watches();
  // Every open watch loses its place: it catches up without a word and delivers synced again.
  void relist_watches();
  void advance(Duration time);
  // From now on names are "NAMESPACE/NAME", as of an orchestrator that sees many namespaces; others are taken, too.
  void qualify_names() { qualified_ = true; }
  // A pod of somebody else's that waits for a node: bind_pod makes it a neighbour.
  void pending_pod(const std::string& name, const std::string& uid, const Resources& reserved);

  // Writes that changed something since the start.
  [[nodiscard]] std::uint64_t writes() const;

  Result<std::vector<Object>> list(Kind kind, Deadline deadline) override;
  Result<Object> get(Kind kind, const std::string& name, Deadline deadline) override;
  Result<Object> create(const Object& object, Deadline deadline) override;
  Result<Object> update(const Object& object, Deadline deadline) override;
  Result<Object> update_status(const Object& object, Deadline deadline) override;
  Status remove(Kind kind, const std::string& name, Deadline deadline) override;
  Result<std::unique_ptr<Watch>> watch(Kind kind, Deadline deadline) override;
  Status record(const Event& event, Deadline deadline) override;
  Result<std::vector<StoredEvent>> events(std::uint64_t after, Deadline deadline) override;
  Result<std::vector<StoredEvent>> wait_events(std::uint64_t after, Deadline deadline) override;
  Result<Object> start_runner(const Object& runner, Deadline deadline) override;
  Status stop_runner(const std::string& name, Duration grace, Deadline deadline) override;
  Result<bool> hold_lease(const std::string& name, const std::string& holder, Duration ttl, Deadline) override;
  Status release_lease(const std::string& name, const std::string& holder, Deadline deadline) override;
  std::string vm_directory(const std::string& vm_name) override;
  Result<Authority> webhook_authority(Deadline) override { return Error{Code::unsupported, "nobody here calls webhooks"}; }
  Result<RunnerAccess> runner_access(const std::string&, Deadline) override { return RunnerAccess{}; }
  Status bind_pod(const std::string& pod, const std::string& uid, const std::string& node, Deadline deadline) override;
  // As annotations "free" and "came", how often, of the node.
  Status show_room(const std::string& node, const Resources& free, bool came, Deadline deadline) override;

 private:
  friend class FakeWatch;
  using Key = std::pair<Kind, std::string>;
  struct Gone {
    std::uint64_t version = 0;
    Object last;
  };
  struct PendingPod {
    std::string uid;
    Resources reserved;
  };
  struct Lease {
    std::string holder;
    Instant until{};
  };

  // All of these expect mutex_ to be held.
  Status admit();
  Status reply();
  Result<Object*> find(Kind kind, const std::string& name);
  Result<Object*> find_for_write(const Object& object);
  Result<Object> insert(Object object);
  void touch(Object& object);
  void erase(const Key& key);
  Result<Object> after_write(const Key& key);
  [[nodiscard]] Result<Object> complete_runner(Object runner) const;
  [[nodiscard]] std::vector<StoredEvent> events_after(std::uint64_t after) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const std::string home_;
  RunnerHooks hooks_;
  std::map<Key, Object> objects_;
  std::vector<Gone> gone_;
  std::set<Kind> refused_watches_;
  std::map<std::string, bool> runner_gone_;  // name -> process and QEMU are gone
  std::vector<StoredEvent> events_;
  std::map<std::string, Lease> leases_;
  std::map<std::string, PendingPod> pending_;
  std::uint64_t version_ = 0, next_uid_ = 1, next_event_ = 1, writes_ = 0;
  std::uint64_t break_round_ = 0, relist_round_ = 0;  // a watch that has not seen the newest round has it coming
  bool qualified_ = false;
  int conflicts_ = 0, unavailable_ = 0, lost_replies_ = 0;
  Duration advanced_{};
};

}  // namespace neonvm::fakes
