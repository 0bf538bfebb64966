// RunnerDoor: what a runner listens on: /v1/link, /v1/exec, /v1/console, /v1/log (WebSockets), GET /v1/status, /v1/explain, GET /metrics; GET /ready,
// GET /cpu_current and POST /cpu_change as upstream's clients know them.
//
// Loop thread only. Owns its channels; peers may come and go at any time. Access is the server's business: a Unix
// socket of mode 0600 in a directory of mode 0700 at the desk.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/daemon/log_door.hpp"
#include "core/daemon/runner.hpp"
#include "core/daemon/socket_stream.hpp"
#include "core/daemon/why_door.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::daemon {

class RunnerDoor : public Runner::Audience {
 public:
  RunnerDoor(runtime::Loop& loop, runtime::HttpServer& server, Runner& runner, runtime::MetricsRegistry& metrics);
  ~RunnerDoor() override;

  void report(const wire::RunnerReport& report) override;
  void sample(const wire::SamplePush& push) override;
  void want(const wire::WantPush& push) override;
  void guest_data(const wire::StreamData& data) override;
  void guest_ack(const wire::Ack& ack) override;
  void guest_gone() override;

 private:
  using ChannelPtr = std::shared_ptr<runtime::Channel>;
  struct Peer {
    ChannelPtr channel;
    bool samples = false, explains = false;
    bool resting = false;                                  // hears of news by the end of its connection
  };
  struct Session;  // one exec, put or get

  void open_link(const ChannelPtr& channel);
  void link_message(std::uint64_t peer, const runtime::ChannelMessage& message);
  void open_exec(const ChannelPtr& channel);
  void exec_begins(const std::shared_ptr<Session>& session, const std::string& text);
  void exec_message(const std::shared_ptr<Session>& session, const runtime::ChannelMessage& message);
  void exec_ends(const std::shared_ptr<Session>& session, const wire::ExecEnd& end);
  void acknowledge(const std::shared_ptr<Session>& session);
  void open_console(const ChannelPtr& channel);
  void tell_memory(const MemoryPlan& plan);
  void serve_upstream(runtime::HttpServer& server);
  [[nodiscard]] std::string not_ready() const;
  [[nodiscard]] wire::RunnerReply let_rest(Peer& peer);
  void push(const wire::RunnerBody& body, bool samples_only);

  runtime::Loop& loop_;
  Runner& runner_;
  runtime::MetricsRegistry& metrics_;
  std::uint64_t last_peer_ = 0;
  std::map<std::uint64_t, Peer> peers_;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;  // by the guest's request id
  std::map<std::uint64_t, ChannelPtr> consoles_;
  std::unique_ptr<SocketStream> console_;
  std::unique_ptr<LogDoor> log_;
  std::unique_ptr<WhyDoor> why_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
