// pump: carries bytes between a pair of pipes and a socket until one side has ended.
//
// Called by guest/ssh_server. Blocking, one thread. Lifetime: the descriptors stay the caller's. Failure: a side that
// cannot be read or written counts as ended.
#pragma once

namespace neonvm::guest {

// What `input` gives goes into `socket`, whose end for writing is closed behind it; what `socket` gives goes to `output`.
// Returns when the socket has ended.
void pump(int input, int output, int socket);

}  // namespace neonvm::guest
