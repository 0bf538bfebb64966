#include "guest/hooks.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/runtime/log.hpp"

namespace neonvm::guest {
namespace {

constexpr const char* room = "hooks";

// A busy guest answers late now and then; that alone is nothing for people.
constexpr int failures_to_tell = 3;

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool can_be_run(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISREG(facts.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

// One question to all hooks.
struct Hooks::Round {
  wire::HookQuestion question;
  std::function<void(const HookVerdict&)> done;
  std::size_t missing = 0;
  HookVerdict verdict;
  bool floor_is_known = true;

  void refuse(const std::string& why, std::optional<Bytes> floor) {
    verdict.ok = false;
    verdict.why += (verdict.why.empty() ? "" : "; ") + why;
    floor_is_known = floor_is_known && floor.has_value();
    if (floor) verdict.floor = std::max(verdict.floor.value_or(Bytes{0}), *floor);
    if (!floor_is_known) verdict.floor.reset();
  }
};

Hooks::Hooks(runtime::Loop& loop, std::string folder, Duration limit)
    : loop_(loop), folder_(std::move(folder)), limit_(limit) {}

std::vector<std::string> Hooks::paths() const {
  std::vector<std::string> found;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder_, failed), end; !failed && entry != end; entry.increment(failed)) {
    if (can_be_run(entry->path().string())) found.push_back(entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool Hooks::still_runs(const std::string& path) const {
  return std::any_of(runs_.begin(), runs_.end(), [&path](const auto& run) { return run->path() == path; });
}

void Hooks::ask(const wire::HookQuestion& question, std::function<void(const HookVerdict&)> done) {
  const auto all = paths();
  std::erase_if(said_, [&all](const auto& one) { return !std::binary_search(all.begin(), all.end(), one.first); });
  auto round = std::make_shared<Round>();
  round->question = question;
  round->done = std::move(done);
  round->missing = all.size();
  if (all.empty()) return round->done(round->verdict);
  for (const std::string& path : all) run(path, round);
}

void Hooks::run(const std::string& path, const std::shared_ptr<Round>& round) {
  if (!still_runs(path)) return begin(path, round);
  if (round->question.event == wire::HookEvent::look) return answered(path, *round, wire::HookAnswer{});
  wait(path, round);
}

void Hooks::wait(const std::string& path, const std::shared_ptr<Round>& round) {
  waiting_.push_back({path, round, {}});
  waiting_.back().limit = loop_.after(limit_, [this, here = std::prev(waiting_.end())] {
    const Waiting late = std::move(*here);
    waiting_.erase(here);
    answered(late.path, *late.round, Error{Code::unavailable, "still runs since an earlier question"});
  });
}

void Hooks::begin(const std::string& path, const std::shared_ptr<Round>& round) {
  runs_.push_back(nullptr);
  HookRun::Exits exits;
  exits.answered = [this, path, round](const Result<wire::HookAnswer>& answer) { answered(path, *round, answer); };
  exits.over = [this, here = std::prev(runs_.end())] { over(here->get()); };
  runs_.back() = std::make_unique<HookRun>(loop_, path, std::move(exits));
  runs_.back()->start(round->question, limit_);
}

void Hooks::over(const HookRun* run) {
  const auto ended = std::find_if(runs_.begin(), runs_.end(), [run](const auto& one) { return one.get() == run; });
  // It is calling: it goes when it has returned.
  const std::shared_ptr<HookRun> last(std::move(*ended));
  runs_.erase(ended);
  loop_.post([last] {});
  const auto next = std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.path == last->path(); });
  if (next == waiting_.end()) return;
  const Waiting turn = std::move(*next);
  waiting_.erase(next);
  begin(turn.path, turn.round);
}

void Hooks::answered(const std::string& path, Round& round, const Result<wire::HookAnswer>& answer) {
  const std::string name = name_of(path);
  if (!answer) {
    runtime::log_warning(room, "no answer", {{"hook", name}, {"why", answer.error().message}});
    if (round.question.event == wire::HookEvent::shrink) round.refuse(name + ": " + answer.error().message, std::nullopt);
    HookSaid& said = said_[path];
    ++said.failures;
    said.fault = answer.error().message;
  } else {
    hear(path, *answer);
    if (!answer->ok) round.refuse(name + ": " + (answer->why.empty() ? "refuses" : answer->why), answer->floor);
  }
  heard_ = true;
  if (told_) told_();
  if (--round.missing > 0) return;
  for (const auto& [hook, said] : said_) round.verdict.working_set = round.verdict.working_set + said.working_set;
  round.done(round.verdict);
}

void Hooks::hear(const std::string& path, const wire::HookAnswer& answer) {
  HookSaid& said = said_[path];
  said.failures = 0;
  if (answer.working_set) said.working_set = *answer.working_set;
  if (answer.working_set_pages) said.working_set_pages = *answer.working_set_pages;
  if (answer.notices) said.notices = *answer.notices;
  if (answer.metrics) said.metrics = *answer.metrics;
}

std::optional<std::vector<std::string>> Hooks::notices() const {
  if (!heard_) return std::nullopt;
  std::vector<std::string> all;
  for (const auto& [path, said] : said_) {
    for (const std::string& notice : said.notices) all.push_back(name_of(path) + ": " + notice);
    if (said.failures >= failures_to_tell) all.push_back("hook " + name_of(path) + " fails: " + said.fault);
  }
  return all;
}

std::vector<double> Hooks::working_set_pages() const {
  for (const auto& [path, said] : said_) {
    if (!said.working_set_pages.empty()) return said.working_set_pages;
  }
  return {};
}

std::vector<wire::HookMetric> Hooks::metrics() const {
  std::vector<wire::HookMetric> all;
  for (const auto& [path, said] : said_) all.insert(all.end(), said.metrics.begin(), said.metrics.end());
  return all;
}

}  // namespace neonvm::guest
