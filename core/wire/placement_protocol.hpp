// Controller <-> a separate scheduler: where may this runner start? POST of JSON to /v1/place, /v1/reserve-target and
// /v1/release on the scheduler's socket; the same questions as daemon/placement_office.hpp asks in one process.
//
// {"vm":{…VirtualMachine…},"runner":"web-x1","node":"","awayFrom":"node1"} -> 200 {"node":"node2"}, or 4xx, 5xx with
// {"code":"out of capacity","error":"no node has …"}. Release: {"runner":"web-x1"} -> 200 {}.
#pragma once

#include <string>
#include <string_view>

#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

struct PlacementRequest {
  Object vm;
  std::string runner;
  std::string node;
  std::string away_from;
};

Result<PlacementRequest> decode_placement_request(std::string_view json);
std::string encode(const PlacementRequest& request);
Result<std::string> decode_placed(std::string_view json);       // the node's name
std::string encode_placed(const std::string& node);

std::string encode_release(const std::string& runner);
Result<std::string> decode_release(std::string_view json);

// {"code":"…","error":"…"}: how every door of ours refuses. decode: the Error it tells; anything else: internal.
std::string encode_error(const Error& error);
Error decode_error(std::string_view json);

}  // namespace neonvm::wire
