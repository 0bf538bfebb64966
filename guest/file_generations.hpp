// FileGenerations: a folder whose files change all at once, as Kubernetes' volumes do.
//
// Each set of files has a folder of its own, "..N"; "..data" is a symbolic link to the present one, and each file's first name
// one into "..data"; what they were made of is kept in "..checksum", for root alone: of a short secret it is as good as the
// secret, to whoever can try them all. So whoever opens "NAME" has the old file or the new one, whole, and whoever opens "..data"
// first has all files of one moment. Called by guest/files_stream on a worker; one writer a folder. Failure: a Result that
// names the file; the present generation stays as it is.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/result.hpp"
#include "core/wire/file_bundle.hpp"

namespace neonvm::guest {

struct FileOwner {
  std::uint32_t uid = 0, gid = 0;
};

// What the present generation was made of; empty: there is none.
std::string generation_in(const std::string& folder);
Status place_generation(const std::string& folder, const wire::FileBundle& bundle, const std::string& checksum, FileOwner owner);

}  // namespace neonvm::guest
