// Home: the directory where one user's control plane lives ($NEONVM_HOME).
//
//   store.db (-wal, -shm)  the objects        bell         wakes watches in every process
//   store.lock             held while open    serve.lock   held by the one `neonvm serve`; its pid is inside
//   vms/<name>/            disks and logs     r/<id>/      run directories of runners (run_dir.hpp)
//
// Two users' homes never meet: it must belong to this user and nobody else may write to it. Not on a network file
// system: the store needs memory shared by the processes of one machine.
#pragma once

#include <string>

#include "core/model/result.hpp"
#include "plugins/orchestrator-local/unique_fd.hpp"

namespace neonvm::local {

struct Home {
  std::string path;      // absolute
  std::string run_root;  // where run directories are named; `path`/r, or a short alias of it

  [[nodiscard]] std::string store() const { return path + "/store.db"; }
  [[nodiscard]] std::string bell() const { return path + "/bell"; }
  [[nodiscard]] std::string vm(const std::string& name) const { return path + "/vms/" + name; }
  [[nodiscard]] std::string runs() const { return path + "/r"; }
};

// Makes what is missing, mode 0700.
Result<Home> open_home(const std::string& path);

// Makes the alias of run_root again if it is one and somebody took it away.
Status keep_run_root(const Home& home);

// The lock that only one supervising process may hold. failed_precondition names the pid of the one that does. Freed by
// the kernel when the holder ends, however it ends.
Result<UniqueFd> lock_serve(const Home& home);

}  // namespace neonvm::local
