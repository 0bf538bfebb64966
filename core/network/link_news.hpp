// LinkNews: tells when devices, addresses or a VXLAN's flooding change, whoever changes them.
//
// Called by daemon/overlay on its loop: the descriptor becomes readable, read() says what happened and never blocks. Of the
// namespace that the opening thread is in. Failure: opening only; news that were lost are told as `all`.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "core/model/result.hpp"

namespace neonvm::network {

struct News {
  bool all = false;                    // too much has happened to be told: look at everything
  bool addresses = false;
  std::set<std::string> links;         // made, changed or removed
  std::set<int> floods;                // VXLANs (index) that lost a flood entry
};

class LinkNews {
 public:
  static Result<LinkNews> open();
  LinkNews(LinkNews&&) noexcept;
  LinkNews& operator=(LinkNews&&) noexcept;
  ~LinkNews();

  [[nodiscard]] int fd() const;
  // All that is there now.
  News read();

 private:
  struct Impl;
  explicit LinkNews(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace neonvm::network
