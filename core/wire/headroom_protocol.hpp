// Agent <-> scheduler: "lend this node's agent room to grow into". POST of JSON to /v1/headroom on the doors where places are booked, for
// those alone who are known there. What the members mean, and why nothing is lent twice: model/headroom and decide/headroom.
//
// {"node":"n1","agent":17,"ageMs":4000,"number":2,"epoch":9,"wanted":{"cpu":2,"memory":"4Gi"},"held":[{"number":1,"open":{…},"leftMs":31000,
//  "spent":[{"holder":"prod/web-x1","amount":{…},"to":{…},"life":17,"question":5}]}]}
// -> 200 {"agent":17,"number":2,"epoch":9,"lent":{…},"extended":true,"lengthMs":60000,"why":""}, or 4xx, 5xx as placement_protocol says.
#pragma once

#include <string>
#include <string_view>

#include "core/model/headroom.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

Result<HeadroomRequest> decode_headroom_request(std::string_view json);
std::string encode(const HeadroomRequest& request);
Result<HeadroomAnswer> decode_headroom_answer(std::string_view json);
std::string encode(const HeadroomAnswer& answer);

}  // namespace neonvm::wire
