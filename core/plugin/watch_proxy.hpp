// WatchProxy: one watch behind an orchestrator plugin's C table. Private to the orchestrator proxy.
#pragma once

#include <memory>

#include "core/plugin/opened.hpp"
#include "core/ports/orchestrator.hpp"

namespace neonvm::plugin {

class WatchProxy final : public Watch {
 public:
  WatchProxy(std::shared_ptr<Opened> opened, void* handle) : opened_(std::move(opened)), handle_(handle) {}
  ~WatchProxy() override;
  WatchProxy(const WatchProxy&) = delete;
  WatchProxy& operator=(const WatchProxy&) = delete;

  Result<std::optional<Change>> next(Deadline deadline) override;
  void wake() override;

 private:
  [[nodiscard]] const neonvm_orchestrator_table& table() const { return opened_->table<neonvm_orchestrator_table>(); }

  std::shared_ptr<Opened> opened_;
  void* handle_;
};

}  // namespace neonvm::plugin
