// ClockKeeper: the guest's wall clock, told to the host and put right by its word (decide/clock says how).
//
// Called by guest/host_requests. Threads: loop thread. Lifetime: of the monitor; a slew that a monitor before it left
// half done ends when this begins. Where the hypervisor has a clock of its own for the guest (KVM's PTP device), that is
// believed before the link's measurement, which cannot be better than a message's way. Failure: correct() says why the kernel
// refuses; the clock is then as it was.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/decide/clock.hpp"
#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"

namespace neonvm::guest {

// What is done to a clock. The system's is system_wall(); tests have their own.
class WallClock {
 public:
  virtual ~WallClock() = default;
  [[nodiscard]] virtual Duration now() const = 0;            // since 1970
  virtual Status set_forward(Duration by) = 0;               // back: negative
  virtual Status run_faster(int parts_in_10000) = 0;         // 0: as usual
  // The hypervisor's clock, if it has one for guests: how far ours is behind.
  [[nodiscard]] virtual std::optional<decide::ClockOffset> against_hypervisor() const { return std::nullopt; }
};
std::unique_ptr<WallClock> system_wall();

class ClockKeeper {
 public:
  ClockKeeper(runtime::Loop& loop, std::unique_ptr<WallClock> clock);
  ~ClockKeeper();
  ClockKeeper(const ClockKeeper&) = delete;
  ClockKeeper& operator=(const ClockKeeper&) = delete;

  [[nodiscard]] Duration now() const { return clock_->now(); }
  // What was done, which may be nothing.
  Result<decide::ClockCorrection> correct(const decide::ClockOffset& told);

 private:
  void end_slew();

  runtime::Loop& loop_;
  std::unique_ptr<WallClock> clock_;
  runtime::Timer slew_;
};

}  // namespace neonvm::guest
