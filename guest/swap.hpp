// swap: areas of one thin disk of the host, switched on and off one by one (core/decide/swap_plan).
//
// Called by guest/init before the workload starts, then by guest/provisions on a worker: switching an area off takes as long
// as it takes to move what is in it. What there is, only the kernel knows (/proc/swaps): whoever starts anew goes on from
// there. Failure: a Result with the step that was refused, or with how much memory is missing; what was done stays done.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/decide/swap_plan.hpp"
#include "core/model/result.hpp"

namespace neonvm::guest {

// /proc/swaps, of one disk only: areas are its first four partitions. Pure.
std::vector<decide::SwapArea> read_swap_areas(std::string_view proc_swaps, std::string_view device);
// mkswap(8): the first page of an area of so many bytes, the page itself included. Pure.
std::string swap_header(Bytes size, std::size_t page, std::string_view uuid);

Status start_swap(const std::string& disk, Bytes wish);

struct SwapOutcome {
  Status status;
  Bytes total;
};
SwapOutcome change_swap(const std::string& disk, Bytes wish);

}  // namespace neonvm::guest
