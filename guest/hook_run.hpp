// HookRun: one run of one hook: the question goes in, an answer comes out, within a limit.
//
// Called by guest/hooks. Threads: loop thread; nothing blocks. `answered` is called once, from the loop; `over` once, when
// no process is left of it, and is its last deed. A hook that is late is killed with its group, but waited for, because
// the kernel may hold it. Destroyed before: its process gets SIGKILL and is reaped by nobody.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/runtime/loop.hpp"
#include "core/wire/hook_protocol.hpp"
#include "guest/child_output.hpp"
#include "guest/child_process.hpp"

namespace neonvm::guest {

class HookRun {
 public:
  struct Exits {
    std::function<void(const Result<wire::HookAnswer>&)> answered;
    std::function<void()> over;
  };
  HookRun(runtime::Loop& loop, std::string path, Exits exits);
  ~HookRun();
  HookRun(const HookRun&) = delete;
  HookRun& operator=(const HookRun&) = delete;
  void start(const wire::HookQuestion& question, Duration limit);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void begin(const wire::HookQuestion& question);
  void exited(int code);
  void answer(const Result<wire::HookAnswer>& answer);
  [[nodiscard]] Result<wire::HookAnswer> outcome(int code) const;

  runtime::Loop& loop_;
  std::string path_;
  Exits exits_;
  std::unique_ptr<ChildProcess> process_;
  static constexpr std::size_t most_said = std::size_t{64} * 1024;
  std::string said_, complained_;
  ChildOutput output_{said_, most_said}, error_{complained_, most_said};
  runtime::Timer limit_;
};

}  // namespace neonvm::guest
