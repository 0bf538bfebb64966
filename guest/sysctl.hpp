// sysctl: kernel settings, written straight to /proc/sys.
//
// Called by guest/init. No shell and no other program. Failure: one Error a setting, which names it; the others are tried.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::guest {

// "vm.swappiness=10" and "net/ipv4/conf/eth0.1/forwarding=1", as in sysctl(8): dots stand for slashes unless a slash comes
// first. Pure; empty: no name, or one that leads elsewhere.
std::string sysctl_path(std::string_view name);
std::vector<Error> apply_sysctl(const std::vector<std::string>& settings, const std::string& root = "/proc/sys");

}  // namespace neonvm::guest
