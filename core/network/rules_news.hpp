// RulesNews: tells when something of an nftables table is taken away, whoever does it: a rule, a set's element, the table.
//
// Called by daemon/overlay on its loop: the descriptor becomes readable, read() never blocks. Of the namespace that the opening
// thread is in. Our own replacing of the table is told as well. Failure: opening only, permission_denied without CAP_NET_ADMIN; news
// that were lost count as a change.
#pragma once

#include <memory>
#include <string>

#include "core/model/result.hpp"

namespace neonvm::network {

class RulesNews {
 public:
  static Result<RulesNews> open(const std::string& table);
  RulesNews(RulesNews&&) noexcept;
  RulesNews& operator=(RulesNews&&) noexcept;
  ~RulesNews();

  [[nodiscard]] int fd() const;
  // Since the last call.
  bool read();

 private:
  struct Impl;
  explicit RulesNews(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace neonvm::network
