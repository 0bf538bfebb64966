// WhyDoor: GET /v1/explain[?newer=N] of a runner: why its VM has the size that it has, in the words of whoever decides it.
//
// The agent that scales the VM holds a link to its runner; the question goes to it over that link, so that one who may speak
// to the runner needs no way to the agent. Threads: loop thread. Failure: 503 with the reason, no later than `answer_limit`.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"
#include "core/wire/runner_protocol.hpp"

namespace neonvm::daemon {

class WhyDoor {
 public:
  WhyDoor(runtime::Loop& loop, runtime::HttpServer& server);

  // That peer decides over the VM's size; the last to say so is asked.
  void peer_explains(std::uint64_t peer, std::shared_ptr<runtime::Channel> channel);
  void peer_gone(std::uint64_t peer);
  void explained(std::uint64_t question, const wire::Explained& answer);

 private:
  struct Question {
    std::uint64_t peer = 0;
    runtime::Responder respond;
    runtime::Timer limit;
  };

  void ask(const runtime::HttpRequest& request, runtime::Responder respond);
  void give_up(std::uint64_t question, const Error& why);

  runtime::Loop& loop_;
  std::map<std::uint64_t, std::shared_ptr<runtime::Channel>> peers_;
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t last_ = 0;
};

}  // namespace neonvm::daemon
