// Images as they lie on disk: an OCI layout (image-spec, image-layout.md) and what `docker save` writes.
//
// Every document and layer is checked against its digest. Pure but for reading files. Failure: invalid_argument names
// file and member; a wrong architecture is told with those that there are.
#pragma once

#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "vm-builder/image_config.hpp"
#include "vm-builder/members.hpp"
#include "vm-builder/tar_layer.hpp"

namespace neonvm::builder {

struct Platform {
  std::string os = "linux", architecture = "amd64";
};

struct OciImage {
  ImageConfig config;
  std::vector<TarFile> layers;  // lowest first
  std::string digest;           // of the manifest, or of the configuration: names the contents
};

// reference: the tag or annotation to take when there are several; empty: the only one.
Result<OciImage> open_oci_layout(const Members& members, const Platform& platform, const std::string& reference);
Result<OciImage> open_docker_archive(const Members& members, const Platform& platform, const std::string& reference);

}  // namespace neonvm::builder
