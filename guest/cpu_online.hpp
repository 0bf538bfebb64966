// CpuOnline: brings the number of running CPUs to what the host wants, one switch at a time, and says how far it came.
//
// Called by guest/monitor. Threads: loop thread; the switching itself blocks on a worker. A CPU that refuses or does not
// answer within `patience` is left out and the next one is tried: one stuck CPU never holds up the rest. Failure: every
// want() is answered exactly once, at the latest after `give_up`, with the count reached and why not more or fewer. A
// newer want() answers the older one with "superseded".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/cpu_tree.hpp"

namespace neonvm::guest {

struct CpuOutcome {
  bool ok = false;
  std::uint32_t online = 0;
  std::string why;                                    // of !ok
};

struct CpuPatience {
  Duration one_cpu = std::chrono::seconds(2);
  Duration give_up = std::chrono::seconds(6);
};

class CpuOnline {
 public:
  using Done = std::function<void(const CpuOutcome&)>;
  // How a CPU is switched; blocks, is called on a worker. Empty: through the tree.
  using Switch = std::function<Status(std::uint32_t cpu, bool on)>;
  CpuOnline(runtime::Loop& loop, CpuTree tree, CpuPatience patience = {}, Switch switch_cpu = nullptr);

  void want(std::uint32_t count, Done done);
  // Hot-plugged: it is switched on as soon as it is there, because the kernel does not do that by itself.
  void appeared(std::uint32_t cpu);
  // {online, present} now.
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> counts() const;

 private:
  struct Wish {
    std::uint32_t count;
    Done done;
    runtime::Timer give_up;
    std::set<std::uint32_t> given_up;
    std::string reasons;
  };

  void step();
  void start(const CpuStep& step);
  void ended(const CpuStep& step, const Status& status);
  void stuck(const CpuStep& step);
  void leave_out(std::uint32_t cpu, const std::string& why);
  void answer(const std::string& why);
  [[nodiscard]] std::string shortfall(const CpuMap& map) const;

  runtime::Loop& loop_;
  CpuTree tree_;
  CpuPatience patience_;
  Switch switch_;
  std::optional<Wish> wish_;
  std::map<std::uint32_t, runtime::Timer> busy_;      // being switched; its timer is over when it is stuck
  std::set<std::uint32_t> appeared_;                  // to be switched on, whatever the wish
  std::shared_ptr<CpuOnline*> self_;                  // empty for callbacks that come after our end
};

}  // namespace neonvm::guest
