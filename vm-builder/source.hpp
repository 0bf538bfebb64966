// read_source: whatever an image is made from, as a tree: an image, a root file system, Debian packages.
//
// Called on the building thread; may run skopeo, mmdebstrap and buildah, and only then uses the network. Failure: names
// the source and what would be needed.
#pragma once

#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "vm-builder/oci_image.hpp"
#include "vm-builder/spec.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"
#include "vm-builder/tree.hpp"

namespace neonvm::builder {

struct SourceRequest {
  // A path, perhaps with ":TAG": an OCI layout (folder or tar), a docker-archive, a root folder, a root's tarball. With
  // "oci:", "docker-archive:", "dir:" or "tar:" in front it is that. "docker://…" and "docker-daemon:…" are fetched by
  // skopeo, and so is what is no path but reads like an image's name.
  std::string source;
  std::vector<std::string> debian;  // packages instead of a source
  std::string suite = "bookworm", mirror, variant = "essential";
  Platform platform;
  Spec spec;
  std::string spec_folder;  // where hostPath begins
  std::vector<std::string> build_args;
  std::string work;         // an empty folder of one's own
};

struct SourceFacts {
  ImageConfig config;
  std::string kind;    // "image", "folder", "tarball", "Debian packages"
  std::string digest;  // of all that was read
};

Result<SourceFacts> read_source(const SourceRequest& request, Tree& tree, Spool& spool, Steps& steps);

// Private to vm-builder.
// The image of the request after the spec's Dockerfile text was run on it; `base` is where buildah finds it.
Result<OciImage> run_dockerfile(const SourceRequest& request, const std::string& base, Steps& steps);
Result<std::string> fetch_debian(const SourceRequest& request, Steps& steps);    // path of a tar
Result<std::string> fetch_image(const SourceRequest& request, const std::string& reference, Steps& steps);  // a layout

}  // namespace neonvm::builder
