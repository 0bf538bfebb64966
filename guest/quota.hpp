// quota: what a mounted disk may hold at most. Project 0 of an ext4 with project quota: everything that is given no other
// project, and so everything. A program with CAP_SYS_RESOURCE (root) is let through by the kernel.
//
// Called by guest/provisions. One quick system call. Failure: a Result that names what is missing.
#pragma once

#include <string>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::guest {

// limit 0: none.
Status set_quota(const std::string& device, Bytes limit);

}  // namespace neonvm::guest
