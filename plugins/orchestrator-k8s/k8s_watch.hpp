// K8sWatch: list and watch of one kind, pulled. It resumes after a cut where it was, lists again when the server forgot
// that place, and notices a server that has gone silent. While the server is away next() waits and tries again, at most
// 5 s apart; when its deadline comes meanwhile, it says why there is nothing.
//
// Threads: next() on one at a time, wake() on any. Nothing runs between calls.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"
#include "plugins/orchestrator-k8s/backoff.hpp"
#include "plugins/orchestrator-k8s/unheld_versions.hpp"
#include "plugins/orchestrator-k8s/watch_state.hpp"
#include "plugins/orchestrator-k8s/watch_stream.hpp"

namespace neonvm::k8s {

struct WatchOptions {
  Kind kind = Kind::virtual_machine;
  std::string ns;
  std::string node;                               // only what is there; empty: everything
  std::size_t page = 500;
  Duration lifetime = std::chrono::seconds(60);   // of one watch request; the server then ends it, and it is made anew
  Duration silence = std::chrono::seconds(20);    // beyond that, or without a byte of a list: the server is hung
  std::function<void(const std::string&)> warn;
  std::shared_ptr<UnheldVersions> unheld;         // told of what is read; may be null
  std::function<void(const Change&)> told;        // of each change before it is given away; quick; may be null
};

class K8sWatch final : public Watch {
 public:
  // Reads the first list's first page.
  static Result<std::unique_ptr<K8sWatch>> open(std::shared_ptr<ApiClient> client, WatchOptions options, Deadline deadline);
  Result<std::optional<Change>> next(Deadline deadline) override;
  void wake() override;

 private:
  K8sWatch(std::shared_ptr<ApiClient> client, WatchOptions options);
  [[nodiscard]] ApiRequest request() const;
  void step(Deadline deadline);
  void begin(Deadline deadline);
  void read_head(Deadline deadline);
  void read_piece(Deadline deadline);
  void take_page();
  void take_refusal();
  void take_events(std::string_view bytes);
  void take_event(std::string_view line);
  void ended();
  void drop();
  void fail(const Error& error);
  bool went_on(const Error& error);
  void warn(const std::string& text) const;
  void note(const Object& object) const;
  void pause(Deadline until);

  const std::shared_ptr<ApiClient> client_;
  const WatchOptions options_;
  WatchState state_;
  WatchStream stream_;
  Backoff backoff_;
  std::mutex mutex_;                       // of answer_'s being there, for wake()
  std::condition_variable bell_;
  std::unique_ptr<runtime::HttpAnswer> answer_;
  Papers papers_;
  bool listing_ = false, has_head_ = false, heard_ = false, tried_papers_ = false;
  int status_ = 0;
  std::string body_;                       // of a page, or of a refusal
  std::string next_page_;
  Instant began_{}, silent_at_{}, again_at_{};
  std::optional<Error> failure_;
  std::atomic<bool> woken_{false};
};

}  // namespace neonvm::k8s
