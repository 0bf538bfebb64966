// modules: kernel modules of the initramfs, loaded in the order that the image builder has worked out.
//
// Called by guest/init. No modprobe and no modules.dep at boot: reading them costs more than loading. Failure: said for
// each; the next ones are tried, and one that is loaded already is fine.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace neonvm::guest {

// One path a line; blank lines and those with # are passed over. Pure.
std::vector<std::string> module_list(std::string_view text);
// Returns how many were loaded.
std::size_t load_modules(const std::string& list_path = "/lib/modules/neonvm.list");

}  // namespace neonvm::guest
