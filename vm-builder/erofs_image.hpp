// make_erofs: a tree as an erofs file system, read-only, for many VMs to share through one page cache.
//
// Written here, because mkfs.erofs 1.5 takes directories only, and those need root for owners and devices. Uncompressed,
// blocks of 4096 bytes (kernel: Documentation/filesystems/erofs). Ends of files lie in the blocks of their inodes.
// The same tree and plan give the same bytes. Failure: out_of_capacity when the host's disk is full.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/result.hpp"
#include "vm-builder/numbering.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::builder {

struct ErofsPlan {
  std::string seed;
  std::int64_t time = 0;
};

Status make_erofs(const Numbering& files, Spool& spool, const ErofsPlan& plan, const std::string& image, Steps& steps);

}  // namespace neonvm::builder
