// ConfigMap and Secret as Kubernetes writes them (v1): the files that they hold.
//
// Read by `neonvm apply`. Strict: unknown members are errors that name the path. A Secret's `data` and a ConfigMap's
// `binaryData` are base64; `stringData` and a ConfigMap's `data` are text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "core/wire/file_bundle.hpp"

namespace neonvm::wire {

struct FileManifest {
  bool secret = false;
  std::string name;
  FileBundle files;
};

// None: another kind of object.
Result<std::optional<FileManifest>> decode_file_manifest(std::string_view json);

}  // namespace neonvm::wire
