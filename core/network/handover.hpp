// Handover: an open file given to another process over a Unix socket, with a line about it (SCM_RIGHTS, unix(7)).
//
// Offered by daemon/overlay_ports, taken by `neonvm runner`, in which a socket is the only thing that they share. Descriptors are the
// caller's to close; all are close-on-exec, those of the offering side non-blocking. Threads: any. Failure: a Result with the path.
#pragma once

#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::network {

// Listens at folder/name, for everybody who can see it, in place of what a predecessor left there. The folder's path may be longer
// than a socket's.
Result<int> offer(const std::string& folder, const std::string& name);
// The next one who calls there; -1: nobody waits.
int next_caller(int offering);
// line: at most 4000 bytes. file: -1 for none, when the line says why.
Status hand_over(int caller, const std::string& line, int file);

struct Handed {
  std::string line;
  int file = -1;
};
// path: not longer than 107 bytes. not_found, unavailable: nobody offers anything there (yet).
Result<int> call(const std::string& path);
Result<Handed> take(int connection, Deadline deadline);

}  // namespace neonvm::network
