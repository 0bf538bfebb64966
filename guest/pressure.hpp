// PressureWatch: says at once when tasks begin to wait for CPU, memory or I/O (PSI triggers; Documentation/accounting/psi.rst).
//
// Called by guest/monitor. Threads: loop thread; `fired` is called there, at most once a window and resource by the
// kernel's own rule. Failure: a kernel that refuses triggers is watched by reading its totals 5 times a second; one
// without PSI is not watched at all. word() says which, for the log and the hello.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/runtime/loop.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {

enum class Pressured { cpu, memory, io };
const char* to_string(Pressured what);  // "cpu", "memory", "io": as in a sample's event

// Some task waited for so long within the window.
struct PressureTrigger {
  std::chrono::microseconds stall, window;
};
struct PressureTriggers {
  // The kernel looks ten times a window, so the shortest window that it takes (0.5 s) is noticed within 50 ms.
  PressureTrigger cpu{std::chrono::milliseconds(75), std::chrono::milliseconds(500)};
  PressureTrigger memory{std::chrono::milliseconds(25), std::chrono::milliseconds(500)};
  PressureTrigger io{std::chrono::milliseconds(150), std::chrono::milliseconds(500)};
};

class PressureWatch {
 public:
  PressureWatch(runtime::Loop& loop, std::function<void(Pressured)> fired, const std::string& root = "/proc/pressure",
                const PressureTriggers& triggers = {});

  enum class Means { triggers, polled, none };
  [[nodiscard]] Means means() const { return means_; }
  // "triggers"; "polled: /proc/pressure/cpu: Operation not permitted"; "none: …: No such file or directory".
  [[nodiscard]] const std::string& word() const { return word_; }

 private:
  struct Source {
    Pressured what = Pressured::cpu;
    std::string path;
    PressureTrigger trigger{};
    Fd fd;
    runtime::FdWatch watch;
    std::optional<std::uint64_t> total_us;  // polled only
  };

  static Status can_be_polled(const Source& source);
  Status arm(Source& source);
  void watch_all();
  void poll();

  runtime::Loop& loop_;
  std::function<void(Pressured)> fired_;
  std::array<Source, 3> sources_;
  runtime::Timer timer_;
  Means means_ = Means::triggers;
  std::string word_ = "triggers";
};

}  // namespace neonvm::guest
