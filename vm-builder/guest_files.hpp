// add_guest_files: what makes a root bootable: PID 1, the workload document, mount points.
//
// Pure but for reading the guest program. Failure: the image's user is unknown, or the program cannot be read.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "core/wire/workload.hpp"
#include "vm-builder/image_config.hpp"
#include "vm-builder/spec.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/tree.hpp"

namespace neonvm::builder {

// What the image and the spec say, with the numbers that the tree's /etc/passwd and /etc/group give for names.
Result<wire::Workload> make_workload(const ImageConfig& config, const Spec& spec, const Tree& tree, Spool& spool);

// program: the static neonvm of the guest; empty: the image brings its own init, and only the document is written.
// architecture: of the image, as Go names it; empty: not known. A program for another one is refused.
Status add_guest_files(const wire::Workload& workload, const std::string& program, const std::string& architecture, Tree& tree,
                       Spool& spool);

}  // namespace neonvm::builder
