// make_ext4: a tree as an ext4 file system in a raw image: mke2fs lays it out, libext2fs fills it.
//
// The same tree and plan give the same bytes, whoever builds and whenever: identifiers come from the plan's seed, all
// times from the plan and the tree. Needs no root. Failure: out_of_capacity when the host's disk is full (the image is
// then removed by whoever owns its folder); invalid_argument when the files do not fit into the size asked for.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "vm-builder/numbering.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::builder {

struct Ext4Plan {
  Bytes size;                    // 0: as the files need, with a quarter and 64 MiB to spare
  std::string label = "vmroot";  // at most 16 bytes
  std::string seed;              // what the image is made of: its identifiers are drawn from it
  std::int64_t time = 0;         // of the file system itself, seconds since 1970
  bool project_quota = false;
};

// The size that the image gets, or why the one asked for does not do.
Result<Bytes> ext4_size(const Numbering& files, const Ext4Plan& plan);
Status make_ext4(const Numbering& files, Spool& spool, const Ext4Plan& plan, const std::string& image, Steps& steps);

// A UUID (RFC 4122, version 8: of one's own making) out of a text.
std::string uuid_of(const std::string& text);

}  // namespace neonvm::builder
