// workload_news: how PID 1 tells the monitor that the workload has ended, and before that, that what it needs is there: small
// files, replaced whole.
//
// Written by guest/init, read by guest/monitor. A file, because either may be started again and must not miss what the
// other had to say. Threads: loop thread for NewsWatch. Failure: write_news() says why; what cannot be read is no news.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/guest_protocol.hpp"
#include "guest/file_text.hpp"

namespace neonvm::guest {

constexpr const char* news_folder = "/run/neonvm";

// 128 + signal as in a shell. Pure.
int exit_code_of(int wait_status);
std::string news_text(const wire::WorkloadEnded& news);
std::optional<wire::WorkloadEnded> parse_news(std::string_view text);

Status write_news(const wire::WorkloadEnded& news, const std::string& folder = news_folder);
std::optional<wire::WorkloadEnded> read_news(const std::string& folder = news_folder);

// What the host's plan wants to be there before a workload starts is there, or was waited for long enough.
Status write_prepared(const std::string& folder = news_folder);
bool is_prepared(const std::string& folder = news_folder);

// Calls `changed` whenever there is news; not for what is there already.
class NewsWatch {
 public:
  explicit NewsWatch(std::function<void()> changed) : changed_(std::move(changed)) {}
  Status open(runtime::Loop& loop, const std::string& folder = news_folder);

 private:
  void read();

  std::function<void()> changed_;
  Fd inotify_;
  runtime::FdWatch watch_;
};

}  // namespace neonvm::guest
