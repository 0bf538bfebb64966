// RunnerPlace: what a runner is told of its surroundings by options, because its spec, which all runners of a VM share, cannot
// know it: where it listens, who may come in, where its image's disk is, how a migration reaches it.
//
// Used by cli/runner once, before anything is started. Failure: an error that names the option. Blocks up to its deadline for
// an image that another container is still to hand over.
#pragma once

#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/machine.hpp"
#include "core/model/result.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::cli {

struct RunnerPlace {
  std::string listen;              // endpoint; empty: a Unix socket in the run directory
  std::string credentials;         // folder with tls.crt, tls.key, ca.crt and token; needed to listen beyond a Unix socket
  std::string farewell;            // file for how it ended, besides exit.json in the run directory
  std::string image_door;          // Unix socket at which the root disk's image is handed over as an open file
  std::string forward_address;     // on which the guest's ports are opened; empty: 127.0.0.1
  std::string migration_address;   // ADDRESS:PORT for a VM that migrates to here; empty: a Unix socket
};

// Where to listen, and whom to answer there. Readiness is told to anybody: kubelets have no token.
struct RunnerListening {
  runtime::Endpoint endpoint;
  runtime::HttpServerOptions options;
};
Result<RunnerListening> runner_listening(const RunnerPlace& place, const MachineSpec& machine);

// Makes the run directory if it is not there, fills in what only this place knows, and fetches the image and the ports of its
// networks. What was fetched stays
// open for as long as this process lives.
Status settle_in(const RunnerPlace& place, MachineSpec& machine, Deadline deadline);

}  // namespace neonvm::cli
