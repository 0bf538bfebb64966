// HeadroomWorld: one node as it really is, with its VMs, its agent, the scheduler, and a net between them that loses,
// doubles and delays. Both sides are the real ones: decide/headroom in the agent, decide/ledger in the scheduler.
//
// The law that is checked at every moment: what VMs have, may write without asking, and what may still be spent of
// leases is never more than the node. Throws std::logic_error with the story.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/decide/headroom.hpp"
#include "core/decide/ledger.hpp"

namespace neonvm::tests {

class HeadroomWorld {
 public:
  explicit HeadroomWorld(std::uint32_t seed);
  void step(std::uint32_t choice);
  // No more faults: afterwards nothing is lent, and the books are what the VMs have.
  void settle();

 private:
  static constexpr std::uint32_t vms = 4;
  struct Vm {
    Resources spec, has;           // has follows spec
    Resources permit;              // what the agent believes
    Instant permit_until{};
    std::optional<Resources> asked;
    Instant asked_at{};
    std::uint64_t number = 0;
    bool gone = false;
  };
  struct Ask {
    std::uint32_t vm = 0;
    Resources wanted, last;
    decide::AskId id;
  };
  struct Granted {
    std::uint32_t vm = 0;
    decide::AskId id;
    Resources permit;
  };
  struct Sight {                   // of a VM by the watch
    std::uint32_t vm = 0;
    Resources actual;
    Instant at{};
  };
  using ToScheduler = std::variant<Ask, decide::HeadroomRequest>;
  using ToAgent = std::variant<Granted, decide::HeadroomAnswer>;

  void law(bool holds, const std::string& what) const;
  void check();
  void note(const std::string& what);
  [[nodiscard]] Resources units(std::uint32_t n) const { return {MilliCpu{250 * n}, Bytes{gib * n}}; }
  [[nodiscard]] std::string name(std::uint32_t vm) const { return "r" + std::to_string(vm); }
  [[nodiscard]] Instant agent_clock() const;
  [[nodiscard]] Resources held(const Vm& vm) const { return field_max(vm.spec, vm.has); }
  [[nodiscard]] Resources permit(const Vm& vm) const;
  [[nodiscard]] decide::Booking booking(std::uint32_t vm) const;

  void ask(std::uint32_t choice);
  void ask_headroom(std::uint32_t choice);
  void take_headroom(std::uint32_t choice);
  void write(std::uint32_t choice);
  void follow(std::uint32_t choice);
  void deliver(std::uint32_t choice);
  void deliver_back(std::uint32_t choice);
  void receive(const ToScheduler& message);
  void receive(const ToAgent& message);
  void see(std::size_t count);
  void seen(std::uint32_t vm);
  void scheduler_dies_or_comes();
  void agent_restarts();
  void pass(Duration d);
  void another_vm_comes_or_goes(std::uint32_t choice);

  decide::LeaseTerms terms_;
  double drift_ = 1;
  Instant now_{};
  Resources capacity_;
  std::vector<Vm> vms_;
  std::optional<decide::Ledger> ledger_;
  std::uint64_t epoch_ = 1, life_ = 1;
  std::optional<decide::Headroom> agent_;
  std::deque<ToScheduler> up_;
  std::deque<ToAgent> down_;
  std::deque<Sight> sights_;
  Resources other_;                // a VM of another agent's kind, placed and released by the scheduler
  std::vector<std::string> story_;
};

}  // namespace neonvm::tests
