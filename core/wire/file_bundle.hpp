// FileBundle: all files of a ConfigMap or Secret in one piece, as they cross the guest link.
//
// Of each file a line of JSON, {"path":"tls/key.pem","mode":256,"size":1704}, then its bytes. Encoded by the runner, decoded
// by the guest, which takes nothing for granted: a path has no "..", no empty part, none that begins with ".." (those names
// are the guest's own) and none that is below another file; sizes are those of the text; nothing comes twice.
// Failure: invalid_argument that names the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::wire {

constexpr std::size_t most_bundle_bytes = 4 * 1024 * 1024, most_bundle_files = 1024;

struct BundledFile {
  std::string path;
  std::uint32_t mode = 0400;
  std::string bytes;

  friend bool operator==(const BundledFile&, const BundledFile&) = default;
};
using FileBundle = std::vector<BundledFile>;

// In the order of their paths, so that equal files give equal text.
std::string encode(FileBundle bundle);
Result<FileBundle> decode_file_bundle(std::string_view text);

// The limits and names of above, for whoever makes a bundle.
Status check_bundle(const FileBundle& bundle);

// 32 hexadecimal digits of an encoded bundle. It tells what changed by chance or on purpose of its owner, no forgeries.
std::string checksum_of(std::string_view encoded);

}  // namespace neonvm::wire
