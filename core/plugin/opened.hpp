// Opened: one opened plugin, closed when its proxy and all that came from it (machines, watches) are gone.
//
// Made by the catalog; shared by the proxies. Failure: open() answers the plugin's own error.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/model/result.hpp"
#include "core/plugin/edge.hpp"
#include "core/plugin/host_table.hpp"
#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

using Settings = std::map<std::string, std::string>;

class Opened {
 public:
  // REQUIRES check_descriptor(&descriptor).
  static Result<std::shared_ptr<Opened>> open(const neonvm_plugin_descriptor& descriptor, const Settings& settings,
                                              const HostServices& services);
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  [[nodiscard]] void* handle() const { return handle_; }
  // "policy tiny", for messages.
  [[nodiscard]] const std::string& place() const { return place_; }
  template <typename Table>
  [[nodiscard]] const Table& table() const {
    return *static_cast<const Table*>(descriptor_.table);
  }

  // Runs one call of the table: `deed` gets where to write its error, and answers the code.
  template <typename Deed>
  Status call(Deed&& deed) const {
    neonvm_error error;
    error.message[0] = '\0';
    const std::int32_t code = deed(&error);
    if (code == NEONVM_OK) return {};
    return error_from(code, error, place_);
  }

 private:
  Opened(const neonvm_plugin_descriptor& descriptor, const HostServices& services);

  const neonvm_plugin_descriptor& descriptor_;
  std::string place_;
  HostTable host_;
  void* handle_ = nullptr;
  bool open_ = false;
};

}  // namespace neonvm::plugin
