// Clock: the times that the store writes down, so that tests can turn them.
//
// Leases count on CLOCK_BOOTTIME together with the boot's id: nobody sets that clock, it goes on during suspend, and a
// lease of another boot is void. The wall clock is for people only and may jump.
#pragma once

#include <functional>
#include <string>

#include "core/model/instant.hpp"

namespace neonvm::local {

struct Clock {
  std::function<Duration()> since_boot;
  std::function<WallTime()> wall;
  std::string boot_id;
};

Clock system_clock();

}  // namespace neonvm::local
