// ServicePlace: where a service of ours is served now.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace neonvm {

struct ServicePlace {
  std::string service;                     // its name
  std::string address;                     // numeric, as others reach it
  std::map<std::string, std::uint16_t> ports;  // by their names

  friend bool operator==(const ServicePlace&, const ServicePlace&) = default;
};

}  // namespace neonvm
