// Result<T>: a value or an Error. The only way by which a neonvm function says that something outside refused.
//
// Called by everyone. Threads: a value, share like an int. Failure: using value() on an error (or error() on a value)
// is our own mistake and asserts. Exceptions stay inside the room whose library throws them.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace neonvm {

// The numbers are part of the plugin ABI and never change meaning.
enum class Code : int {
  invalid_argument = 1,      // the caller's input is wrong; retrying cannot help
  not_found = 2,             // the named thing does not exist (any more)
  already_exists = 3,        // the name is taken
  conflict = 4,              // written by somebody else since you read it: read again, decide again
  out_of_capacity = 5,       // no room now; may come
  unavailable = 6,           // the other side is not there now; retry with backoff
  deadline_exceeded = 7,     // no answer in time; the deed may or may not have happened
  cancelled = 8,             // the caller gave up
  refused = 9,               // the other side understood and said no; the message says why
  unsupported = 10,          // this implementation cannot do it at all
  permission_denied = 11,    // not allowed; the message names what would be needed
  data_loss = 12,            // stored data is damaged or from a newer version; nothing was changed
  internal = 13,             // our own fault
  failed_precondition = 14,  // not in this state; the message names the state
};

const char* to_string(Code code);

struct Error {
  Code code = Code::internal;
  std::string message;

  // Puts a place in front: "vm.yaml:3: spec.guest.cpus.min" + ": " + message.
  [[nodiscard]] Error at(std::string_view place) const;
};

// Worth trying the same call again later without changing it.
bool is_transient(Code code);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}     // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { assert(ok()); return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& value() const& { assert(ok()); return *std::get_if<0>(&state_); }
  [[nodiscard]] T&& value() && { assert(ok()); return std::move(*std::get_if<0>(&state_)); }
  [[nodiscard]] T* operator->() { return &value(); }
  [[nodiscard]] const T* operator->() const { return &value(); }
  [[nodiscard]] T& operator*() & { return value(); }
  [[nodiscard]] const T& operator*() const& { return value(); }
  [[nodiscard]] T&& operator*() && { return std::move(*this).value(); }

  [[nodiscard]] const Error& error() const { assert(!ok()); return *std::get_if<1>(&state_); }
  [[nodiscard]] T value_or(T fallback) const { return ok() ? value() : std::move(fallback); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit on purpose

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Error& error() const { assert(!ok_); return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace neonvm
