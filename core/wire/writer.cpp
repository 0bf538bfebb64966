#include "core/wire/writer.hpp"

#include "core/model/metrics.hpp"
#include "core/wire/wall_time.hpp"

namespace neonvm::wire {

Json json_of(MilliCpu cpu) {
  if (cpu.value % 1000 == 0) return Json(cpu.value / 1000);
  return Json(to_string(cpu));
}

Json json_of(Bytes bytes) {
  constexpr auto largest_quantity = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (bytes.value < kib || bytes.value > largest_quantity) return Json(bytes.value);
  return Json(to_string(bytes));
}

Json json_of(const Revision& revision) {
  if (revision.flags == 0) return Json(revision.value);
  return Json{{"value", revision.value}, {"flags", revision.flags}};
}

Json json_of(WallTime time) { return Json(rfc3339(time)); }

void Writer::plain(const char* key, Bytes from) {
  if (is_known(from)) {
    json_[key] = from.value;
  } else {
    json_.erase(key);
  }
}

void Writer::seconds_or(const char* key, Duration from, Duration fallback) {
  const std::int64_t count = from / std::chrono::seconds{1};
  if (count != fallback / std::chrono::seconds{1} || json_.contains(key)) json_[key] = count;
}

// A size that is no multiple of the slot is rounded up: violations() refuses it before it comes here.
void Writer::slots(const char* key, Bytes from, Bytes slot) {
  const std::uint64_t size = std::max<std::uint64_t>(slot.value, 1);
  json_[key] = from.value / size + (from.value % size != 0 ? 1 : 0);
}

}  // namespace neonvm::wire
