#include "guest/clock_keeper.hpp"

#include <fcntl.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <filesystem>

#include "core/runtime/log.hpp"
#include "guest/file_text.hpp"
#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* clock_room = "clock";
// Microseconds that the kernel counts for each of its hundred ticks a second; a ten-thousandth of it is one.
constexpr long usual_tick = 10'000;

Duration time_of(clockid_t id) {
  timespec now{};
  if (::clock_gettime(id, &now) != 0) return Duration::zero();
  return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
}

// /dev/ptpN of the host's clock as KVM shows it.
Fd open_hypervisor_clock(const std::string& sys = "/sys/class/ptp") {
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(sys, failed), end; !failed && entry != end; entry.increment(failed)) {
    const auto name = read_text(entry->path().string() + "/clock_name");
    if (!name || trimmed(*name) != "KVM virtual PTP") continue;
    return Fd(::open(("/dev/" + entry->path().filename().string()).c_str(), O_RDONLY | O_CLOEXEC));
  }
  return {};
}

class SystemWall : public WallClock {
 public:
  SystemWall() : hypervisor_(open_hypervisor_clock()) {}

  [[nodiscard]] Duration now() const override { return time_of(CLOCK_REALTIME); }

  Status set_forward(Duration by) override {
    timex change{};
    change.modes = ADJ_SETOFFSET | ADJ_NANO;
    const auto whole = std::chrono::floor<std::chrono::seconds>(by);
    change.time.tv_sec = whole.count();
    change.time.tv_usec = (by - whole).count();  // nanoseconds, by ADJ_NANO; never negative
    return done(change);
  }

  Status run_faster(int parts_in_10000) override {
    timex change{};
    change.modes = ADJ_TICK;
    change.tick = usual_tick + parts_in_10000;
    return done(change);
  }

  [[nodiscard]] std::optional<decide::ClockOffset> against_hypervisor() const override {
    if (!hypervisor_.valid()) return std::nullopt;
    // The clock of a device is named by its descriptor (clock_gettime(2)).
    const clockid_t id = static_cast<clockid_t>((~static_cast<unsigned>(hypervisor_.get()) << 3U) | 3U);
    std::optional<decide::ClockOffset> best;
    for (int i = 0; i < 5; ++i) {
      const Duration before = now(), host = time_of(id), after = now();
      const decide::ClockOffset offset{host - before - (after - before) / 2, (after - before) / 2};
      if (host != Duration::zero() && (!best || offset.error < best->error)) best = offset;
    }
    return best;
  }

 private:
  static Status done(timex& change) {
    if (::adjtimex(&change) >= 0) return {};
    return errno_error("adjtimex", errno);
  }

  Fd hypervisor_;
};

}  // namespace

std::unique_ptr<WallClock> system_wall() { return std::make_unique<SystemWall>(); }

ClockKeeper::ClockKeeper(runtime::Loop& loop, std::unique_ptr<WallClock> clock) : loop_(loop), clock_(std::move(clock)) { end_slew(); }

ClockKeeper::~ClockKeeper() {
  if (slew_.pending()) end_slew();
}

void ClockKeeper::end_slew() {
  slew_.cancel();
  if (const Status usual = clock_->run_faster(0); !usual) {
    runtime::log_warning(clock_room, "the clock's rate cannot be set", {{"why", usual.error().message}});
  }
}

Result<decide::ClockCorrection> ClockKeeper::correct(const decide::ClockOffset& told) {
  // What is still to come of an older correction is in the new measurement.
  if (slew_.pending()) end_slew();
  const decide::ClockCorrection correction = decide::correct_clock(clock_->against_hypervisor().value_or(told));
  if (correction.means == decide::ClockMeans::none) return correction;
  const bool set = correction.means == decide::ClockMeans::set;
  const Status status = set ? clock_->set_forward(correction.by) : clock_->run_faster(correction.rate);
  if (!status) return status.error();
  if (!set) slew_ = loop_.after(correction.takes, [this] { end_slew(); });
  runtime::log_info(clock_room, "put right", {{"how", correction.why}});
  return correction;
}

}  // namespace neonvm::guest
