// RunnerLink: the near end of a runner's /v1/link: requests there, reports, samples and wishes back.
//
// Used by the agent and the controller, one link a runner each. Loop thread only; callbacks on it too, never from
// inside a call of ours. Lifetime: after destruction or stop() no callback comes any more but the `done`s that are owed.
// Failure: the link comes back by itself for ever, after 50 ms doubling to 2 s; a runner that is gone is the
// orchestrator's to tell. A request is answered by exactly one `done`, as long as the loop runs: the runner's reply (which
// may say !ok), deadline_exceeded, or unavailable when the link is down, went down under way or was stopped: then the deed
// may have happened, and asking again is safe, because requests are idempotent by content.
// Rest: a link that may rest and over which nothing goes keeps the bare connection only. It counts as connected all the same, and links
// anew, unseen but for a `report`, when something is asked or the runner ends the connection, as it does when it has news.
// Turns: of the links that may rest only `many` connect at once; the others wait, first come first served, and are not connected meanwhile.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"
#include "core/ports/orchestrator.hpp"
#include "core/runtime/http.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::daemon {

// When links over which nothing goes come to rest: awake, with TLS, one takes some 60 KiB and a ping each ten seconds, at rest hardly
// anything. And when they connect: a control plane that takes over thousands of VMs and links with all at once needs the memory of all
// their links, and does not get it back, because what is kept of each VM lies between them. Shared by the links of a process. Loop thread only.
struct LinkRest {
  Duration patience = std::chrono::seconds(60);          // of a silent link, while few are awake
  Duration haste = std::chrono::seconds(2);              // while `many` are
  std::size_t many = 128;
  Duration hurry = std::chrono::milliseconds(200);       // while others wait for their turn
  // Of a turn, which else ends with rest or the connection: those of a node that is gone, or of runners that do not rest, must not
  // keep the others from theirs.
  Duration longest_turn = std::chrono::seconds(2);
  std::size_t awake = 0;                                 // counted by the links
  std::size_t most_awake = 0;                            // likewise, since the heap was given back
  std::size_t turns = 0;                                 // under way
  std::deque<std::function<void()>> waiting{};           // each takes its turn, unless it has no need of one any more

  void go_on();
};

// How to know a runner and be let in. Blocks; called on a worker before each connection. anew: what opened its door before may be out of date.
using RunnerCredentials = std::function<Result<runtime::HttpClientOptions>(bool anew)>;

struct RunnerLinkOptions {
  bool subscribe = false;                              // samples and wishes wanted
  Duration first_retry = std::chrono::milliseconds(50);
  Duration max_retry = std::chrono::seconds(2);
  Duration connect_timeout = std::chrono::seconds(5);
  RunnerCredentials credentials;                       // needed beyond a Unix socket
  std::shared_ptr<LinkRest> rest;                      // null, or subscribe: it never rests
};

// From what the orchestrator says.
RunnerCredentials credentials_from(Orchestrator& orchestrator, const std::string& vm, Duration limit);

class RunnerLink {
 public:
  struct Callbacks {
    std::function<void(const wire::RunnerReport&)> report;   // at once after connecting, and at every change
    std::function<void(const wire::SamplePush&)> sample;     // sample.at is already our loop's time
    std::function<void(const wire::WantPush&)> want;
    // Set by who decides over the VM's size: why it is what it is, as text, through `done`, now or later.
    std::function<void(std::optional<std::uint64_t> newer, std::function<void(std::string)> done)> explain;
    std::function<void()> connected;
    std::function<void(const Error&)> lost;                  // once per connection, and for the first failed attempt
  };
  using Done = std::function<void(Result<wire::RunnerReply>)>;

  // endpoint: RunnerStatus::endpoint, "unix:/…" or "https://…". A bad one is reported through `lost`, without retries.
  RunnerLink(runtime::Loop& loop, std::string endpoint, RunnerLinkOptions options, Callbacks callbacks);
  ~RunnerLink();
  RunnerLink(const RunnerLink&) = delete;
  RunnerLink& operator=(const RunnerLink&) = delete;

  void start();
  void stop();
  // Wakes a link that rests, to see whether the runner is there.
  void look();
  // Connects without waiting for a turn, the next time that it has to: there is something to be asked.
  void hurry();
  void request(wire::RunnerBody body, Duration timeout, Done done);

  [[nodiscard]] bool is_connected() const;
  [[nodiscard]] const std::string& endpoint() const;
  // The last one received, also while the link is down.
  [[nodiscard]] const std::optional<wire::RunnerReport>& last_report() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace neonvm::daemon
