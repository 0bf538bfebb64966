// LogDoor: /v1/log of a runner: what the VM's console has printed, and on as it prints more.
//
// A WebSocket at /v1/log; its first message says how (wire/log_request). Binary messages, the file's bytes from its last lines on.
// Without follow it ends at the file's end, by the text message {"exitCode":0} as /v1/exec does. Threads: loop thread; reads are of a
// local file, and only as fast as the peer takes them. Failure: {"error":"…"} instead.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "core/runtime/channel.hpp"
#include "core/runtime/http.hpp"

namespace neonvm::daemon {

class LogDoor {
 public:
  LogDoor(runtime::Loop& loop, runtime::HttpServer& server, std::string path);
  ~LogDoor();
  LogDoor(const LogDoor&) = delete;
  LogDoor& operator=(const LogDoor&) = delete;

 private:
  struct Reader;

  void open(const std::shared_ptr<runtime::Channel>& channel);
  void begin(Reader& reader, const std::string& request);

  runtime::Loop& loop_;
  std::string path_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Reader>> readers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
