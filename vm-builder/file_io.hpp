// Whole files, and errno as an Error that names the path. Blocking; no file is left half-written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "vm-builder/unique_fd.hpp"

namespace neonvm::builder {

// ENOSPC and EDQUOT are out_of_capacity, ENOENT not_found, EACCES and EPERM permission_denied, the rest refused.
Error errno_error(std::string_view what, int error);

Result<UniqueFd> open_to_read(const std::string& path);
// At most `most` bytes: more is an error, because documents come from outside.
Result<std::string> read_file(const std::string& path, std::size_t most);
// Written beside the goal and renamed.
Status write_file(const std::string& path, std::string_view text, bool sync = false);
Status write_all(int fd, const void* data, std::size_t size, std::uint64_t offset, std::string_view path);
Status make_folders(const std::string& path);

}  // namespace neonvm::builder
