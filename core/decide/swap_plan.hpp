// SwapPlan: from the swap that a guest has to the swap that it should have, one area at a time, while it is in use.
//
// An area is switched on whole or off whole; switching one off moves what is in it to memory and to the others. At least one
// is always left free, so that a smaller one can be made before a larger one goes. Called by guest/swap after each step;
// pure. Law: from any state the steps reach the wish, and while an area is free there is never less than the smaller of
// what there was and what is asked. Sizes are whole MiB, a wish is at most `most_swap`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/resources.hpp"

namespace neonvm::decide {

struct SwapArea {
  Bytes size;                // 0: it is off
  Bytes used;

  friend bool operator==(const SwapArea&, const SwapArea&) = default;
};

struct SwapStep {
  bool on = false;
  std::size_t area = 0;
  Bytes size;                // of one that goes on

  friend bool operator==(const SwapStep&, const SwapStep&) = default;
};

Bytes swap_total(const std::vector<SwapArea>& areas);
// None: it is as asked.
std::optional<SwapStep> next_swap_step(const std::vector<SwapArea>& areas, Bytes wish);

// Why so little swap cannot be had: what is in use beyond it has no room in `available` memory, less what the system keeps
// for itself. Empty: it can.
std::string swap_refusal(const std::vector<SwapArea>& areas, Bytes wish, Bytes available, Bytes total_memory);

}  // namespace neonvm::decide
