// Hooks: asks the guest's own programs about a change of its size, all at once, and makes one verdict of their answers.
//
// Called by guest/consent_desk. A hook is an executable file in `folder` (wire/hook_protocol); the folder is read at each
// question, so hooks may come and go. Threads: loop thread. Lifetime: what still runs at the end is killed. Failure: a
// hook that hangs, crashes or answers what cannot be read refuses a shrink, with its name and why, because nobody knows
// what it had to say; for other questions that is only logged. A hook runs once at a time: while it does, a `look` is left
// out, and any other question waits for its end, at most `limit`. Every ask() is answered once. What a hook has told holds
// until it tells it anew or is gone; a hook that has failed three times in a row is told of beside the hooks' own notices.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/runtime/loop.hpp"
#include "core/wire/hook_protocol.hpp"
#include "guest/hook_run.hpp"

namespace neonvm::guest {

struct HookVerdict {
  bool ok = true;
  std::string why;                   // of !ok: "postgres: a backup runs; …"
  std::optional<Bytes> floor;        // of !ok: the highest one, if all that refuse have named one
  Bytes working_set{0};              // the sum of what each hook said last
};

// What one hook has told last, in any of its answers.
struct HookSaid {
  Bytes working_set{0};
  std::vector<double> working_set_pages;
  std::vector<std::string> notices;
  std::vector<wire::HookMetric> metrics;
  int failures = 0;                  // in a row
  std::string fault;                 // of the last one
};

class Hooks {
 public:
  explicit Hooks(runtime::Loop& loop, std::string folder = "/etc/neonvm/hooks", Duration limit = std::chrono::seconds(2));

  [[nodiscard]] bool any() const { return !paths().empty(); }
  void ask(const wire::HookQuestion& question, std::function<void(const HookVerdict&)> done);
  // Called after each answer that may have changed what follows.
  void on_told(std::function<void()> told) { told_ = std::move(told); }
  // Empty until a hook has been heard.
  [[nodiscard]] std::optional<std::vector<std::string>> notices() const;   // "postgres: …", in the order of the names
  [[nodiscard]] std::vector<double> working_set_pages() const;             // of the first hook that tells them
  [[nodiscard]] std::vector<wire::HookMetric> metrics() const;

 private:
  struct Round;
  // A question that came while its hook still answered another.
  struct Waiting {
    std::string path;
    std::shared_ptr<Round> round;
    runtime::Timer limit;
  };
  [[nodiscard]] std::vector<std::string> paths() const;
  void run(const std::string& path, const std::shared_ptr<Round>& round);
  void begin(const std::string& path, const std::shared_ptr<Round>& round);
  void wait(const std::string& path, const std::shared_ptr<Round>& round);
  void answered(const std::string& path, Round& round, const Result<wire::HookAnswer>& answer);
  void hear(const std::string& path, const wire::HookAnswer& answer);
  void over(const HookRun* run);
  [[nodiscard]] bool still_runs(const std::string& path) const;

  runtime::Loop& loop_;
  std::string folder_;
  Duration limit_;
  std::list<std::unique_ptr<HookRun>> runs_;
  std::list<Waiting> waiting_;
  std::map<std::string, HookSaid> said_;          // by path
  bool heard_ = false;
  std::function<void()> told_;
};

}  // namespace neonvm::guest
