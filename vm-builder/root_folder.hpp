// read_folder: a directory of the host as a tree. Owners, modes and attributes as they stand there.
//
// What cannot be read (another's files, without root) is an error that names the path: half a root would not boot.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"
#include "vm-builder/tree.hpp"

namespace neonvm::builder {

// Returns a digest over names, attributes and contents.
Result<std::string> read_folder(const std::string& folder, Tree& tree, Spool& spool, Steps& steps);

}  // namespace neonvm::builder
