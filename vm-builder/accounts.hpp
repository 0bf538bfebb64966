// Accounts: users and groups as an image's own /etc/passwd and /etc/group have them.
//
// Pure. Failure: not_found says which name is in neither.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::builder {

struct Account {
  std::string name = "root", home = "/root";
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;
};

// user: "", "name", "7", "name:group", "7:8", as an image's configuration has it. passwd, group: texts of the files.
Result<Account> find_account(std::string_view user, std::string_view passwd, std::string_view group);

}  // namespace neonvm::builder
