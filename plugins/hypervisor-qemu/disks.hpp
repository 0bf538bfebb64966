// Disk images on the host.
//
// Used by qemu_hypervisor. Threads: any. Failure: already_exists when there is something at `path`, which is then left
// as it was, whoever made it in the same moment; out_of_capacity when the disk is full.
#pragma once

#include <string>

#include "core/model/instant.hpp"
#include "core/model/resources.hpp"
#include "core/model/result.hpp"

namespace neonvm::qemu {

struct ImageInfo {
  std::string format;  // "qcow2" by its magic number, else "raw"
  Bytes size;          // as the guest sees it
};
Result<ImageInfo> look_at_image(const std::string& path);

// A qcow2 at `path`: over `backing` and at least as large as it, or empty of `size` when backing is "".
Status make_disk(const std::string& qemu_img, const std::string& path, const std::string& backing, Bytes size,
                 Deadline deadline);

}  // namespace neonvm::qemu
