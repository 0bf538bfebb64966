// FakeWatch: a watch on a FakeOrchestrator; it pulls whatever is newer than its place.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "tests/support/fake_orchestrator.hpp"

namespace neonvm::fakes {

class FakeWatch final : public Watch {
 public:
  // With the owner's mutex held.
  FakeWatch(FakeOrchestrator& owner, Kind kind);
  Result<std::optional<Change>> next(Deadline deadline) override;
  void wake() override;

 private:
  void list_again();
  std::optional<Change> pull();
  std::optional<Change> pull_newer();

  FakeOrchestrator& owner_;
  const Kind kind_;
  std::deque<Change> listed_;              // what a (re)list found, synced last
  std::map<std::string, Object> known_;    // uid -> as delivered last
  std::uint64_t place_ = 0;
  std::uint64_t break_round_ = 0, relist_round_ = 0;
  bool woken_ = false;
};

}  // namespace neonvm::fakes
