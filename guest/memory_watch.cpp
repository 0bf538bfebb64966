#include "guest/memory_watch.hpp"

namespace neonvm::guest {
namespace {

constexpr Duration shortest = std::chrono::milliseconds(100);
constexpr Duration longest = std::chrono::seconds(1);
// What a guest may use up in a second while it looks calm, and once it is seen to grow.
constexpr double calm_pace = 1.0 * gib;
constexpr double growing_pace = 4.0 * gib;
constexpr Bytes noticeable{4 * mib};

}  // namespace

Duration next_look(Bytes available, Bytes used, Duration most) {
  const double pace = used > noticeable ? growing_pace : calm_pace;
  return std::clamp(from_seconds(static_cast<double>(available.value) / pace), shortest, most);
}

MemoryWatch::MemoryWatch(runtime::Loop& loop, decide::GuestConsent& consent,
                         std::function<bool(const decide::MemoryWish&)> wish, const std::string& proc)
    : loop_(loop), consent_(consent), wish_(std::move(wish)), reader_(proc, Look::memory_only) {}

void MemoryWatch::look() {
  const Instant now = loop_.now();
  const GuestSample sample = reader_.sample(now);
  consent_.sampled(sample);
  if (looked_) looked_(now);
  if (const auto wish = consent_.wish(now); wish && wish_(*wish)) consent_.wished(*wish, now);
  Duration pause = longest;
  if (is_known(sample.memory_available)) {
    const Bytes used = is_known(available_) ? available_ - sample.memory_available : Bytes{0};
    pause = next_look(sample.memory_available, used, longest);
    available_ = sample.memory_available;
  }
  timer_ = loop_.after(pause, [this] { look(); });
}

}  // namespace neonvm::guest
