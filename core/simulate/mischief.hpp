// Mischief: what goes wrong on the way, and who watches the laws meanwhile. None in an ordinary simulation.
//
// Implemented by faults and by tests. Asked by the simulated VMs of one node, in the order of time.
#pragma once

#include <cstdint>

#include "core/decide/scaling.hpp"
#include "core/model/instant.hpp"

namespace neonvm::simulate {

class SimulatedVm;

enum class Message : std::uint8_t { permit, write, consent, tell };

struct Fate {
  bool lost = false;            // it never arrives; the deed is not done
  bool answer_lost = false;     // it is done, and nobody hears of it
  bool doubled = false;         // the answer comes twice
  bool refused = false;         // the other side says no
  Duration late{0};
};

class Mischief {
 public:
  virtual ~Mischief() = default;
  virtual Fate fate(const SimulatedVm& vm, Message message, Instant at) = 0;
  // Before deeds are started, and after anything happened.
  virtual void deciding(const SimulatedVm& vm, const decide::Actions& actions, Instant at) = 0;
  virtual void happened(const SimulatedVm& vm, Instant at) = 0;
};

}  // namespace neonvm::simulate
