// Headroom: the words by which a scheduler lends a node's agent room to grow into without asking (decide/headroom).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"

namespace neonvm {

// Names one question for a permit, so that a late one is told apart. number 0: not told apart.
struct AskId {
  std::uint64_t life = 0;                               // of the asker; rises with each (wall clock at its start)
  std::uint64_t number = 0;                             // rises within a life
  friend bool operator==(const AskId&, const AskId&) = default;
};

// How much of a lease a holder got in all, and the permit that it has by it.
struct HeadroomSpend {
  std::string holder;
  Resources amount, to;
  AskId asked{};                                        // its last question before: what comes later was not yet known
  friend bool operator==(const HeadroomSpend&, const HeadroomSpend&) = default;
};

struct HeldLease {
  std::uint64_t number = 0;
  Resources open;                                       // may still be spent
  Duration left{};                                      // for so long, by the agent's clock
  std::vector<HeadroomSpend> spent;
  friend bool operator==(const HeldLease&, const HeldLease&) = default;
};

// Everything that the agent holds, and what it would like to have open in all. What is not listed is given back.
struct HeadroomRequest {
  std::string node;
  std::uint64_t agent = 0;                              // one life of the agent; never used twice
  Duration age{};                                       // of this life
  std::uint64_t number = 0;                             // rises within a life; from 1
  std::uint64_t epoch = 0;                              // of the books that answered last; 0: none
  Resources wanted;
  std::vector<HeldLease> held;
  friend bool operator==(const HeadroomRequest&, const HeadroomRequest&) = default;
};

struct HeadroomAnswer {
  std::uint64_t agent = 0;
  std::uint64_t number = 0;                             // of the request, and of the new lease
  std::uint64_t epoch = 0;
  Resources lent;                                       // new, besides what was held; nothing: {}
  bool extended = false;                                // what was listed holds for another `length` from the asking
  Duration length{};
  std::string why;                                      // why less than wanted
  friend bool operator==(const HeadroomAnswer&, const HeadroomAnswer&) = default;
};

}  // namespace neonvm
