// Faults: a simulated cluster in which things go wrong, with the laws of decide checked at every event.
//
// Used by cli/simulate and tests. Faults are drawn from a seed before the run; whether a message is lost depends only on
// the seed, the VM, the moment and the message, so leaving one fault out does not change the rest of the world at once.
// shortening.hpp finds few of them that still break a law, for people to look at.
//
// What goes wrong: agents, schedulers and guests end and come back; a VM's messages to its scheduler are cut off; messages
// are lost, answered without an answer, doubled, late; the store is slow; guests refuse; the wall clock jumps.
//
// Laws checked, by the names in Broken::law:
//   wish        within [min, max], its memory a multiple of the step
//   permit      no deed raises a field above the permit
//   consent     with a guest, no deed lowers a field below its consent
//   books       what is reserved on a node never exceeds it
//   node        what its VMs have, and are told to become, never exceeds it
//   bounds      no VM ever has more than its maximum
//   progress    a VM that lacks something has a deed under way or a time at which it will have one
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/simulate/world.hpp"

namespace neonvm::simulate {

enum class FaultKind : std::uint8_t { agent_crash, scheduler_crash, guest_away, partition, loss, silence, doubling, slow_store, refusal, clock_jump };
const char* to_string(FaultKind kind);

struct Fault {
  double at = 0;              // trace second
  double lasts = 0;           // seconds
  FaultKind kind = FaultKind::loss;
  std::size_t target = 0;     // VM, or node for scheduler_crash
  double strength = 0;        // share of messages

  friend bool operator==(const Fault&, const Fault&) = default;
};
std::string to_string(const Fault& fault);

// About one fault per VM and `every` seconds, in the order of time.
std::vector<Fault> draw_faults(std::uint64_t seed, std::size_t vms, std::size_t nodes, double end, double every = 600);

// How often a world with faults is looked at; a fault begins at a look.
constexpr Duration look_with_faults = std::chrono::seconds(10);

struct Broken {
  std::string law, what, vm;
  double at = 0;
};

struct FaultsRun {
  std::optional<Broken> broken;   // the run ends there
  std::uint64_t events = 0;       // at which the laws were checked
  double simulated = 0;
};

// Settings are changed to what faults need: permits are restated and lapse as the daemons' do, nothing is skipped.
Result<FaultsRun> run_with_faults(const ClusterPlan& plan, Settings settings, const SourceFactory& sources,
                                  const PolicyFactory& policies, const std::vector<Fault>& faults, std::uint64_t seed,
                                  double end, const ProgressCall& progress = {});

}  // namespace neonvm::simulate
