// read_folder: a directory of the host as a tree. Owners, modes and attributes as they stand there.
//
// What cannot be read (another's files, without root) is an error that names the path: half a root would not boot.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/result.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"
#include "vm-builder/tree.hpp"

namespace neonvm::builder {

// Returns a digest over names, attributes and contents.
Result<std::string> read_folder(const std::string& folder, Tree& tree, Spool& spool, Steps& steps);

// Puts a folder's files over what is in the tree, as root's, 0644 or 0755, with one `time` (seconds since 1970): the same
// whoever checked them out, and when. Folders that are there keep their owner and mode. Returns a digest as above.
Result<std::string> add_folder(const std::string& folder, std::int64_t time, Tree& tree, Spool& spool, Steps& steps);

}  // namespace neonvm::builder
