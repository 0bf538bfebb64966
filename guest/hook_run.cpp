#include "guest/hook_run.hpp"

#include <unistd.h>

#include <csignal>

#include "guest/text_fields.hpp"

namespace neonvm::guest {
namespace {

std::string seconds_text(Duration limit) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(limit).count()) + " ms";
}

}  // namespace

HookRun::HookRun(runtime::Loop& loop, std::string path, Exits exits)
    : loop_(loop), path_(std::move(path)), exits_(std::move(exits)) {}

HookRun::~HookRun() {
  if (process_) process_->signal(SIGKILL);
}

void HookRun::start(const wire::HookQuestion& question, Duration limit) {
  limit_ = loop_.after(limit, [this, limit] {
    if (process_) process_->signal(SIGKILL);
    answer(Error{Code::deadline_exceeded, "has not answered within " + seconds_text(limit)});
  });
  begin(question);
}

void HookRun::begin(const wire::HookQuestion& question) {
  auto child = start_child({{path_}, {}, false, 24, 80});
  if (!child) {
    limit_ = loop_.after(Duration{}, [this, why = child.error()] {
      answer(why);
      const auto over = std::move(exits_.over);
      over();
    });
    return;
  }
  process_ = std::move(child->process);
  // Smaller than any pipe; a hook that does not read it has its reasons.
  const std::string text = wire::encode(question);
  [[maybe_unused]] const ssize_t put = ::write(child->pipes.input.get(), text.data(), text.size());
  output_.follow(loop_, std::move(child->pipes.output));
  error_.follow(loop_, std::move(child->pipes.error));
  process_->on_exit(loop_, [this](int code) { exited(code); });
}

void HookRun::exited(int code) {
  output_.finish();
  error_.finish();
  answer(outcome(code));
  const auto over = std::move(exits_.over);
  over();
}

Result<wire::HookAnswer> HookRun::outcome(int code) const {
  if (code != 0) {
    std::string_view rest = complained_;
    const std::string_view line = trimmed(next_line(rest));
    return Error{Code::internal, "exit code " + std::to_string(code) + (line.empty() ? "" : ": " + std::string(line.substr(0, 200)))};
  }
  if (said_.size() >= most_said) return Error{Code::invalid_argument, "has answered more than 64 KiB"};
  auto answer = wire::decode_hook_answer(said_);
  return answer ? answer : answer.error().at("its answer");
}

void HookRun::answer(const Result<wire::HookAnswer>& answer) {
  limit_.cancel();
  if (!exits_.answered) return;
  const auto answered = std::move(exits_.answered);
  exits_.answered = nullptr;
  answered(answer);
}

}  // namespace neonvm::guest
