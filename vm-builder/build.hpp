// build_image: a source into a bootable disk.
//
// Called by `neonvm build`. Blocking, one thread. Everything is made in `work` and given back as a file there; nothing is
// visible elsewhere until the caller publishes it. The same sources and options give the same bytes.
#pragma once

#include <string>

#include "core/model/resources.hpp"
#include "core/model/result.hpp"
#include "vm-builder/image_store.hpp"
#include "vm-builder/source.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::builder {

struct BuildRequest {
  SourceRequest source;          // its `work` is filled in
  std::string format = "qcow2";  // or "raw"
  std::string root = "ext4";     // or "erofs": read-only, for many VMs to share
  Bytes size;                    // of an ext4; 0: as the files need
  bool compress = false, project_quota = false;
  std::string program;           // the guest's static neonvm; empty: none
  std::vector<std::string> command;       // instead of the image's; empty: the image's
  std::string user, stop_signal, workdir;  // likewise
  std::vector<std::string> health_command;  // likewise; none: the image has a check, or none
  Duration health_interval{};              // 0: not said
  std::vector<std::string> ports, env;  // added to the image's
  std::vector<std::string> added;       // folders whose files are put over the source's, in this order
  Limits limits;
};

struct BuiltDisk {
  std::string path;
  ImageFacts facts;  // without digest and file_size
};

Result<BuiltDisk> build_image(const BuildRequest& request, const std::string& work, Steps& steps);

}  // namespace neonvm::builder
