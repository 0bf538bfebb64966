// log_tail: where the last lines of a file begin.
//
// Called by daemon/log_door and cli/logs. Blocking reads of a local file. Cannot fail: what cannot be read is passed over.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace neonvm::daemon {

// lines < 0: all of them, so 0. A last line without its end counts as one.
off_t tail_begin(int fd, off_t size, std::int64_t lines);

}  // namespace neonvm::daemon
