// Private to the configuration (config.cpp, config_events.cpp): one setting, how it is read from TOML and shown again.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <toml++/toml.h>

#include "cli/config.hpp"

namespace neonvm::cli {

using Apply = std::function<std::string(Config&, const toml::node&)>;  // "" or what is wrong

struct Setting {
  std::string key, type, help;
  Apply apply;
  std::function<std::string(const Config&)> show;
};

// "must be a string, not an integer"
std::string not_a(const std::string& wanted, const toml::node& node);
std::vector<Setting> event_settings();
std::vector<Setting> network_settings();

}  // namespace neonvm::cli
