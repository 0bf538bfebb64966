// write_oci: an OCI image (a layout in a tar) that holds a disk as /disk.qcow2, as upstream's runner pods expect it, with a
// busybox for the sh, mv, chown and sysctl that their init container calls.
//
// `skopeo copy oci-archive:FILE docker://…` publishes it. The same disk gives the same bytes.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::builder {

struct OciOutput {
  std::string disk, architecture;
  std::string reference;  // its name inside: "vm-postgres:15"
  std::string busybox;    // a static one; empty: none
  std::string work;
};

// The tar, in `work`.
Result<std::string> write_oci(const OciOutput& output, Steps& steps);

}  // namespace neonvm::builder
