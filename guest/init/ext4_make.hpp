// make_ext4: an ext4 on a blank disk, in some milliseconds however large it is: what is zero already is not written.
//
// Called by guest/init for a disk that the host made empty. One thread. While it works the disk's first sector says so: a
// disk that was left half-made (a crash) is made anew, one with anything else on it never. Failure: a Result with
// libext2fs' reason; the disk still says that it is half-made then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/model/result.hpp"

namespace neonvm::guest {

// Nothing was ever written, or by a make_ext4 that was cut short. `beginning`: the disk's first MiB. Pure.
bool is_blank(std::string_view beginning);
Result<bool> is_blank_disk(const std::string& device);

struct Ext4Wish {
  std::uint64_t bytes = 0;
  bool quotas = false;      // project quota, with what is used so far counted
};
Status make_ext4(const std::string& device, const Ext4Wish& wish);

}  // namespace neonvm::guest
