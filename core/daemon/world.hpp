// World: what the orchestrator's watches show, kept in memory on the loop and shared by the daemons of a process.
//
// Used by scheduler, agent and controller: one thread and one watch a kind however many listen. Threads: everything but
// the watching itself is on the loop's thread. Lifetime: outlives its listeners; the destructor ends the watches and
// waits for them. Failure: a watch that fails is opened anew after 100 ms doubling to 2 s, for ever; what vanished in
// between is told as deleted. Objects are as old as the last change that came: writes are conditional anyway.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/ports/orchestrator.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::daemon {

// Of one kind's watch, since the beginning.
struct WatchCounts {
  std::uint64_t opened = 0, not_opened = 0, broken = 0;   // broken: ended while watching
  std::uint64_t added = 0, changed = 0, deleted = 0;
  bool watching = false;
};

class World {
 public:
  using Listener = std::function<void(const Change&)>;
  using Whole = std::function<void()>;

  // Ends the listening when destroyed. Move-only.
  class Subscription {
   public:
    Subscription() = default;
    Subscription(Subscription&&) noexcept = default;
    Subscription& operator=(Subscription&&) noexcept = default;

   private:
    friend class World;
    std::shared_ptr<void> listener_;
  };

  World(runtime::Loop& loop, Orchestrator& orchestrator, std::vector<Kind> kinds);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void start();

  // Every change from now on, after the memory here has it. `synced` comes when a kind is known whole, and again after
  // it had to be read anew. What is known already is not repeated: read all().
  [[nodiscard]] Subscription listen(Kind kind, Listener listener);
  // Whenever a kind has come to be known whole, and all others are: after those who listen to that kind. Whoever decides nothing before
  // must wait for this, and not for the kinds that it listens to: another one may be the last.
  [[nodiscard]] Subscription when_whole(Whole listener);

  [[nodiscard]] bool watches(Kind kind) const;
  [[nodiscard]] bool synced(Kind kind) const;
  [[nodiscard]] bool synced() const;                       // all kinds
  [[nodiscard]] const std::map<std::string, Object>& all(Kind kind) const;
  [[nodiscard]] const Object* find(Kind kind, const std::string& name) const;

  [[nodiscard]] const std::map<Kind, WatchCounts>& watch_counts() const;

  // What a write of our own returned: known here at once instead of when the watch tells it. Older than known: ignored.
  void wrote(const Object& object);

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

// A deadline for calls of the orchestrator, which live by the system's clock whatever clock the loop has.
Deadline call_deadline(Duration limit = std::chrono::seconds(10));

}  // namespace neonvm::daemon
