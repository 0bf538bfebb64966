// LayerMaker: tars as tests need them, good and bad, written by libarchive.
#pragma once

#include <map>
#include <string>

struct archive;

namespace neonvm::builder {

struct Member {
  std::string name;
  char type = 'f';  // f file, d directory, l symbolic link, h hard link, c and b devices, p pipe
  std::string text = {};  // contents, or the target of a link
  unsigned mode = 0644;
  long long uid = 0, gid = 0;
  long long mtime = 0;
  std::map<std::string, std::string> xattrs = {};
  unsigned major = 0, minor = 0;
};

class LayerMaker {
 public:
  // filter: "", "gzip", "zstd", "xz".
  explicit LayerMaker(const std::string& filter = "");
  ~LayerMaker();
  LayerMaker(const LayerMaker&) = delete;
  LayerMaker& operator=(const LayerMaker&) = delete;

  LayerMaker& add(const Member& member);
  LayerMaker& file(const std::string& name, const std::string& text = "") { return add({name, 'f', text}); }
  LayerMaker& folder(const std::string& name) { return add({name, 'd', "", 0755}); }
  LayerMaker& link(const std::string& name, const std::string& target) { return add({name, 'l', target, 0777}); }
  LayerMaker& hard_link(const std::string& name, const std::string& target) { return add({name, 'h', target}); }
  [[nodiscard]] std::string bytes();

 private:
  archive* archive_;
  std::string bytes_;
};

}  // namespace neonvm::builder
