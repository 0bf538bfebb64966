// ScriptedScheduler: upstream's scheduler plugin on a real port, which says what a script says (autoscaling.md 5).
//
// Every request is held to the protocol. One that gives up what is held, or restates it, is answered at once, as upstream does (5.5, 3), unless
// the script waits for it. Loop thread only; the loop outlives it.
#pragma once

#include <deque>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "core/runtime/http.hpp"

namespace neonvm::tests {

class ScriptedScheduler {
 public:
  explicit ScriptedScheduler(runtime::Loop& loop);

  [[nodiscard]] const runtime::Endpoint& endpoint() const { return at_; }
  // A request that is expected next: it is not answered by itself, even if it only restates.
  void expect(nlohmann::json part) { expected_ = std::move(part); }
  // The first of those that wait for an answer and fit what is expected; null: none has come.
  [[nodiscard]] bool arrived();
  // Of the request that arrived.
  void answer(int status, const std::string& body);
  // The same, but later: others are answered meanwhile.
  void put_aside(const std::string& name);
  void answer_aside(const std::string& name, int status, const std::string& body);
  // Dies, with all connections, and is there again.
  void restart();

  // What was against the protocol, or came although the script did not expect it; empty: nothing.
  std::string wrong;

 private:
  struct Ask {
    nlohmann::json request;
    std::shared_ptr<runtime::Responder> respond;
  };
  void asked(const runtime::HttpRequest& request, runtime::Responder respond);
  [[nodiscard]] std::string fault_of(const runtime::HttpRequest& request, const nlohmann::json& body) const;
  static void send(Ask& ask, int status, const std::string& body);

  runtime::Loop& loop_;
  std::unique_ptr<runtime::HttpServer> server_;
  runtime::Endpoint at_;
  nlohmann::json expected_;
  std::deque<Ask> waiting_;
  std::map<std::string, Ask> aside_;
};

}  // namespace neonvm::tests
