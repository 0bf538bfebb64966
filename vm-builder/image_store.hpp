// ImageStore: disks by what is in them, and names for them, under $NEONVM_HOME/images.
//
//   disks/HEX.qcow2, HEX.json   a disk and what is known of it; HEX is the SHA-256 of the disk
//   names/NAME                  the HEX that the name means ("%2f" for "/")
//   part/                       scratch of builds under way
//
// Any number of processes. A disk or a name is there whole or not at all. Failure: not_found with the nearest name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::builder {

constexpr const char* unknown_root = "?";  // of a disk that was made elsewhere

struct ImageFacts {
  std::string digest;        // "sha256:…" of the disk
  std::string format, root;  // "qcow2" or "raw"; "ext4", "erofs" or unknown_root
  std::string architecture, source, source_digest;
  std::uint64_t virtual_size = 0, file_size = 0;  // bytes
  std::int64_t built = 0;    // seconds since 1970
  std::string workload;      // the document in the disk, JSON
};

struct StoredImage {
  std::vector<std::string> names;
  ImageFacts facts;
  std::string path;
};

// Letters, digits and ".-_/:@+", at most 200, beginning with a letter or digit.
Status check_image_name(const std::string& name);

class ImageStore {
 public:
  static Result<ImageStore> at(const std::string& folder);

  [[nodiscard]] std::string work() const { return folder_ + "/part"; }
  // Takes the file at `disk` away. `name` may be empty; one that is taken moves to the new disk.
  Result<StoredImage> add(const std::string& disk, ImageFacts facts, const std::string& name);
  // By name, by digest, or by the first eight or more of its digits.
  Result<StoredImage> find(const std::string& name) const;
  Result<std::vector<StoredImage>> list() const;  // by name; nameless ones last
  // Takes the name away, and the disk when that was its last and `used` does not say that something stands on it.
  // True: the disk is gone, too.
  Result<bool> remove(const std::string& name, const std::vector<std::string>& used);
  // Disks without a name that nothing stands on; the bytes that are free now.
  Result<std::uint64_t> prune(const std::vector<std::string>& used);

 private:
  explicit ImageStore(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::string disk(const std::string& hex, const std::string& format) const;
  [[nodiscard]] std::map<std::string, std::string> names() const;
  Result<StoredImage> load(const std::string& hex) const;
  Status drop(const StoredImage& image) const;

  std::string folder_;
};

// The document of facts, for `inspect` and the store.
std::string encode(const ImageFacts& facts);
Result<ImageFacts> decode_image_facts(const std::string& name, const std::string& json);

}  // namespace neonvm::builder
