// Members: the documents and layers of an image by name, from a folder or from a tar.
//
// Names out of a tar never become names on the host: each member is a numbered file in a work folder. Failure: not_found
// names the member; a folder's member that is a link or no file is refused.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "vm-builder/steps.hpp"

namespace neonvm::builder {

class Members {
 public:
  // `origin`: what messages call it, if that is not the folder.
  static Members of_folder(const std::string& folder, const std::string& origin = "");
  // Takes the tar (plain, gzip or zstd) apart into `work`, which must be there.
  static Result<Members> of_tar(const std::string& tar, const std::string& work, Steps& steps);

  [[nodiscard]] bool has(const std::string& name) const;
  [[nodiscard]] Result<std::string> path(const std::string& name) const;
  // A document of at most 16 MiB.
  [[nodiscard]] Result<std::string> text(const std::string& name) const;
  [[nodiscard]] const std::string& origin() const { return origin_; }

 private:
  std::string origin_, folder_;
  std::map<std::string, std::string> paths_;
};

// The names in a tar, up to `most`: enough to tell what it holds.
Result<std::vector<std::string>> first_names(const std::string& tar, std::size_t most);

}  // namespace neonvm::builder
