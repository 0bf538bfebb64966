// GuestClock: the host's end of keeping a guest's wall clock right: asks for its time, and says how far it is off.
//
// Used by Runner. Loop thread only. Asks when the guest came, when its machine ran on after a pause or a migration, when this
// host's clock was set, and each minute: a clock that drifts tells nobody. Several questions in a row, of which the quickest
// counts. Failure: a guest that does not answer, or too slowly to tell the time by, is asked again in a few seconds, then after twice
// as long each time, up to the minute; one that does not know the question is left alone. After stop() nothing is asked and nothing told.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/daemon/guest_link.hpp"
#include "core/decide/clock.hpp"

namespace neonvm::daemon {

class GuestClock {
 public:
  struct Callbacks {
    std::function<void(const decide::ClockOffset&)> measured;
    std::function<void(const std::string& what, bool warning)> corrected;  // what is worth telling
  };
  static constexpr Duration each = std::chrono::minutes(1);
  static constexpr Duration retry = std::chrono::seconds(5);
  static constexpr Duration answer_limit = std::chrono::seconds(5);
  static constexpr std::size_t questions = 4;
  // A measurement that may be wrong by more is made again soon: the guest was busy.
  static constexpr Duration good_enough = std::chrono::milliseconds(50);

  GuestClock(runtime::Loop& loop, GuestLink& guest, Callbacks callbacks);
  ~GuestClock();
  GuestClock(const GuestClock&) = delete;
  GuestClock& operator=(const GuestClock&) = delete;

  // Begins to ask, or asks at once: something may have put it wrong.
  void check();
  void stop();

 private:
  void ask();
  void answered(Duration asked, Instant asked_at, const Result<wire::Reply>& reply);
  void measured();
  void begin();
  void again(Duration pause);
  void again_soon();
  void watch_own_clock();

  runtime::Loop& loop_;
  GuestLink& guest_;
  Callbacks callbacks_;
  bool running_ = false;
  Duration pause_ = retry;                   // before the next of several that are made soon
  std::uint64_t round_ = 0;                  // answers to an older one are not ours any more
  std::vector<decide::ClockSample> samples_;
  runtime::Timer timer_;
  int jumps_ = -1;                           // a timerfd that is readable when this host's clock was set
  runtime::FdWatch jump_watch_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
