// edge: what both sides of the C ABI need to cross it: text, errors, sinks, handles, and the wall no exception passes.
//
// Called by the SDK (plugin's side) and by the proxies (host's side). Threads: values and pure functions. Failure: an
// Error becomes a code and a cut message, and back; a number that is no Code becomes Code::internal.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/plugin/neonvm_plugin.h"

namespace neonvm::plugin {

inline neonvm_text to_text(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view view(neonvm_text t) {
  return t.bytes != nullptr ? std::string_view(t.bytes, t.length) : std::string_view();
}

inline std::int64_t to_ns(Instant t) { return t.time_since_epoch().count(); }
inline Instant from_ns(std::int64_t ns) { return Instant(Duration(ns)); }

// Copies into a fixed buffer, zero-ended, cut before the character that does not fit, and then ended with "…".
void copy_cut(std::string_view from, char* to, std::size_t size) noexcept;
// What stands in a fixed buffer, also when a plugin forgot its zero.
std::string_view fixed_text(const char* from, std::size_t size);

// Plugin's side: writes the error, answers its code. Allocates nothing: it also tells of memory that ran out.
std::int32_t refuse(Code code, std::string_view message, neonvm_error* to) noexcept;
// Host's side. Errors pass unchanged, for they are for people; where the plugin itself is at fault, `place` ("policy
// tiny") goes in front.
Error error_from(std::int32_t code, const neonvm_error& from, std::string_view place);

// The plugin's wall: runs `deed` (a Status-returning callable) and turns everything that leaves it into a code.
template <typename Deed>
std::int32_t guarded(neonvm_error* error, Deed&& deed) noexcept {
  try {
    const Status status = deed();
    return status ? NEONVM_OK : refuse(status.error().code, status.error().message, error);
  } catch (const std::exception& e) {
    return refuse(Code::internal, e.what(), error);
  } catch (...) {
    return refuse(Code::internal, "threw something that is no std::exception", error);
  }
}

// Host's side: keeps what a plugin gives. A sink that cannot store it remembers so: nothing may throw through C.
class Kept {
 public:
  [[nodiscard]] const neonvm_sink* sink() const { return &sink_; }
  // All that was given, in order.
  Result<std::vector<std::string>> all(std::string_view place);
  // The one thing that had to be given.
  Result<std::string> one(std::string_view place);
  // The one thing, or none.
  Result<std::optional<std::string>> at_most_one(std::string_view place);

  Kept() = default;
  Kept(const Kept&) = delete;  // the sink holds its address
  Kept& operator=(const Kept&) = delete;

 private:
  static void take(void* self, const char* bytes, std::size_t length) noexcept;

  neonvm_sink sink_{this, &Kept::take};
  std::vector<std::string> all_;
  bool lost_ = false;
};

}  // namespace neonvm::plugin
