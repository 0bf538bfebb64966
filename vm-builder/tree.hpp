// Tree: the files of an image, its layers merged, in memory; contents lie in a Spool.
//
// Filled by layer readers, written out by the file-system makers. One thread. Names, owners, links and devices never
// touch the host's file system, so nothing needs root and nothing can escape. Failure: invalid_argument that names the
// layer and the path; the tree is then of no further use.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::builder {

enum class FileType : std::uint8_t { regular, directory, symlink, char_device, block_device, fifo };
const char* to_string(FileType type);

struct Inode;

struct Entry {
  std::shared_ptr<Inode> inode;  // shared by hard links
  std::uint32_t layer = 0;       // the layer that wrote this name last
};

struct Inode {
  FileType type = FileType::directory;
  std::uint32_t mode = 0755;  // permission bits with setuid, setgid, sticky
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mtime = 0;  // seconds since 1970
  std::uint32_t mtime_ns = 0;
  std::uint32_t major = 0, minor = 0;  // devices
  std::string target;                  // symbolic links
  std::uint64_t data = 0, size = 0;    // regular files: where in the spool, and bytes
  std::map<std::string, std::string> xattrs;
  std::map<std::string, Entry> children;  // directories
};

// What an image may hold before it counts as an attack on the builder.
struct Limits {
  std::uint64_t entries = 1'000'000;                   // of all layers together, whiteouts included
  std::uint64_t bytes = std::uint64_t{256} << 30U;     // of all files of all layers
  std::size_t depth = 512;                             // directories inside one another
};

class Tree {
 public:
  explicit Tree(Limits limits = {});

  // Names what follows in messages: "layer 2 (sha256:…)".
  void begin_layer(std::string name);

  // Puts an inode at a path as it stands in the layer: "./usr//bin/x". A directory over a directory keeps what is in
  // it; anything else replaces. Missing parents are made, root's, 0755. Links made by lower layers are followed
  // inside the root. Refused: "..", names over 255 bytes, a name twice in one layer (directories may), a parent that is
  // a link of the same layer, a way out of the root.
  Status add(std::string_view path, Inode inode);
  // Hard link; the target is another name of a file in the tree.
  Status link(std::string_view path, std::string_view target);
  // What lower layers have at `path` goes; what this layer wrote stays. A path that is not there is no error.
  Status remove_lower(std::string_view path);
  // What lower layers have in the directory `path` goes.
  Status hide_lower(std::string_view path);
  // Counts contents that are about to be read against the limit.
  Status take_bytes(std::string_view path, std::uint64_t bytes);

  [[nodiscard]] const Inode& root() const { return *root_.inode; }
  // Follows links inside the root; nullptr when there is nothing.
  [[nodiscard]] const Inode* find(std::string_view path) const;
  [[nodiscard]] std::uint64_t entries() const { return entries_; }

  [[nodiscard]] Error fault(std::string_view path, std::string_view what) const;

 private:
  struct Place;
  Result<Place> place_of(std::string_view path, bool make_parents);
  Result<Inode*> step(Inode* folder, std::string_view part, std::vector<Inode*>& way, std::string_view path, bool make);
  Result<Inode*> follow(const Entry& link, std::vector<Inode*>& way, std::string_view path, bool make);
  Result<Inode*> folder_for(std::string_view parents, std::vector<Inode*>& way, std::string_view path, bool make);
  Status count(std::string_view path);

  Limits limits_;
  Entry root_;
  std::string layer_name_;
  std::uint32_t layer_ = 0;
  std::uint64_t entries_ = 0, bytes_ = 0;
  int hops_ = 0;
};

}  // namespace neonvm::builder
