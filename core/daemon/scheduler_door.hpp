// The scheduler's offices over HTTP, at its end; scheduler_client.hpp is the other.
//
// serve_permits: upstream's permit protocol (autoscaling.md 5), byte for byte: POST to any path, JSON, port 10299 in a
// cluster, a Unix socket at the desk. serve_placement: ours (wire/placement_protocol.hpp), for a controller in another
// process; on a Unix socket, or where callers show a token, because whoever may ask it may book a node full. serve_headroom: likewise, for
// the agents of nodes.
// Threads: loop thread. Lifetime: the offices outlive the servers. Failure: as permit_office.hpp and placement_office.hpp say.
#pragma once

#include "core/daemon/permit_office.hpp"
#include "core/daemon/placement_office.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::daemon {

void serve_permits(runtime::HttpServer& server, PermitOffice& office);
void serve_placement(runtime::HttpServer& server, PlacementOffice& office);
void serve_headroom(runtime::HttpServer& server, PermitOffice& office);

}  // namespace neonvm::daemon
