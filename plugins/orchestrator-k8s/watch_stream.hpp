// WatchStream: the bytes of a watch's answer, cut into its events. Pure; one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::k8s {

class WatchStream {
 public:
  // The events that are whole now, each a JSON text. Error: one is larger than anything the API server stores.
  Result<std::vector<std::string>> feed(std::string_view bytes);

 private:
  std::string rest_;
  std::size_t searched_ = 0;
};

}  // namespace neonvm::k8s
