// read_tar: one tar, plain or compressed, into a Tree.
//
// Called for each layer of an image, lowest first, and for a root file system's tarball. What libarchive understands of
// tar: ustar, pax, GNU long names and sparse files; xattrs of both spellings. Failure: invalid_argument that names layer
// and path; a digest that does not fit is told before anything that was found inside.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/result.hpp"
#include "vm-builder/spool.hpp"
#include "vm-builder/steps.hpp"
#include "vm-builder/tree.hpp"

namespace neonvm::builder {

struct TarFile {
  std::string name;    // for messages: "layer 1 (sha256:…)", "rootfs.tar"
  std::string path;
  std::string digest;  // of the file as it lies there; empty: not known
  bool whiteouts = true;  // ".wh." means what it does in a layer
};

// found: where the digest of the whole file is put, if anywhere.
Status read_tar(const TarFile& file, Tree& tree, Spool& spool, Steps& steps, std::string* found = nullptr);
// The same from memory, without a digest.
Status read_tar_bytes(const std::string& name, std::string_view bytes, Tree& tree, Spool& spool);

}  // namespace neonvm::builder
