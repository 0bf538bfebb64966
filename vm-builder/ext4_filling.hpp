// Private to vm-builder: fills an empty ext4 with a tree.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/result.hpp"
#include "vm-builder/numbering.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::builder {

// image: fresh from mke2fs, all zero where it holds nothing; fd: the same file, open for writing.
Status fill_ext4(const Numbering& files, Spool& spool, const std::string& image, int fd, std::int64_t time, Steps& steps);

}  // namespace neonvm::builder
