// JSON of an IPPool's spec: {"range":"10.100.0.0/16","allocations":{"32768":{"id":"default/web"}}}.
//
// Called by who keeps addresses where upstream can read them. Strict, and canonical as model_json.hpp says. Pure, any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/model/ip_pool.hpp"
#include "core/model/result.hpp"

namespace neonvm::wire {

Result<IpPool> decode_ip_pool(std::string_view json);
std::string encode(const IpPool& pool);

}  // namespace neonvm::wire
