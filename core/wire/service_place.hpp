// ServicePlace as JSON: {"service":"x","address":"10.0.0.7","ports":{"permits":10299}}. Pure; invalid_argument with the path.
#pragma once

#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "core/model/service_place.hpp"

namespace neonvm::wire {

Result<ServicePlace> decode_service_place(std::string_view json);
std::string encode(const ServicePlace& place);

}  // namespace neonvm::wire
