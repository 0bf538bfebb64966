#include "plugins/orchestrator-k8s/k8s_watch.hpp"

#include <algorithm>
#include <utility>

#include "plugins/orchestrator-k8s/api_error.hpp"
#include "plugins/orchestrator-k8s/resources.hpp"

namespace neonvm::k8s {
namespace {

constexpr std::size_t largest_page = 64 * 1024 * 1024;
// Somebody who asks "anything now?" gets a look; and what comes before an answer (a name, a program that gives
// credentials) cannot be continued later, so it gets the time that it needs.
constexpr Duration one_look = std::chrono::milliseconds(10);
constexpr Duration preparation = std::chrono::seconds(15);

bool is_lasting(Code code) { return code == Code::permission_denied || code == Code::data_loss; }

}  // namespace

K8sWatch::K8sWatch(std::shared_ptr<ApiClient> client, WatchOptions options)
    : client_(std::move(client)), options_(std::move(options)), state_(options_.kind),
      backoff_(static_cast<std::uint32_t>(now().time_since_epoch().count())) {}

Result<std::unique_ptr<K8sWatch>> K8sWatch::open(std::shared_ptr<ApiClient> client, WatchOptions options, Deadline deadline) {
  std::unique_ptr<K8sWatch> watch(new K8sWatch(std::move(client), std::move(options)));
  // The rest of a long list is read as changes are: begun anew when it takes longer than a call, it would never end.
  while (watch->state_.must_list() && watch->next_page_.empty()) {
    if (now() >= deadline) return Error{Code::deadline_exceeded, watch->request().what + ": no answer in time"};
    watch->step(deadline);
    if (watch->failure_) return *watch->failure_;
  }
  return watch;
}

Result<std::optional<Change>> K8sWatch::next(Deadline deadline) {
  deadline = std::max<Deadline>(deadline, now() + one_look);
  while (true) {
    if (woken_.exchange(false)) return std::optional<Change>{};
    if (auto change = state_.take()) {
      if (options_.told) options_.told(*change);
      return std::optional<Change>{std::move(change)};
    }
    if (now() >= deadline) break;
    if (now() < again_at_) pause(std::min<Deadline>(deadline, again_at_));
    else step(deadline);
    if (failure_ && is_lasting(failure_->code)) return *std::exchange(failure_, std::nullopt);
  }
  if (failure_) return *failure_;
  return std::optional<Change>{};
}

void K8sWatch::wake() {
  woken_ = true;
  const std::lock_guard lock(mutex_);
  if (answer_) answer_->wake();
  bell_.notify_all();
}

void K8sWatch::pause(Deadline until) {
  std::unique_lock lock(mutex_);
  bell_.wait_until(lock, until, [this] { return woken_.load(); });
}

ApiRequest K8sWatch::request() const {
  ApiRequest request;
  std::string query;
  if (state_.must_list()) {
    request.what = std::string("list of ") + to_string(options_.kind);
    query = "?limit=" + std::to_string(options_.page);
    if (!next_page_.empty()) query += "&continue=" + url_encoded(next_page_);
  } else {
    request.what = std::string("watch of ") + to_string(options_.kind);
    query = "?watch=1&allowWatchBookmarks=true&resourceVersion=" + std::to_string(state_.place()) + "&timeoutSeconds=" +
            std::to_string(std::max<std::int64_t>(1, options_.lifetime / std::chrono::seconds(1)));
  }
  if (const std::string selector = selector_of(options_.kind, options_.node); !selector.empty()) {
    query += "&labelSelector=" + url_encoded(selector);
  }
  if (const std::string selector = field_selector_of(options_.kind, options_.node); !selector.empty()) {
    query += "&fieldSelector=" + url_encoded(selector);
  }
  request.target = collection_path(options_.kind, options_.ns) + query;
  return request;
}

void K8sWatch::step(Deadline deadline) {
  if (!answer_) begin(deadline);
  else if (!has_head_) read_head(deadline);
  else read_piece(deadline);
}

void K8sWatch::begin(Deadline deadline) {
  listing_ = state_.must_list();
  auto started = client_->start(request(), std::max<Deadline>(deadline, now() + preparation));
  if (!started) return fail(started.error());
  began_ = now();
  silent_at_ = began_ + options_.silence;
  has_head_ = heard_ = false;
  body_.clear();
  stream_ = {};
  papers_ = std::move(started->papers);
  if (listing_ && next_page_.empty()) state_.begin_list();
  const std::lock_guard lock(mutex_);
  answer_ = std::move(started->answer);
}

// Only the caller's deadline or a wake(): the answer is still awaited.
bool K8sWatch::went_on(const Error& error) {
  if (error.code == Code::cancelled) return true;
  if (error.code != Code::deadline_exceeded) return false;
  if (now() < silent_at_) return true;
  fail({Code::unavailable, request().what + ": the API server is silent"});
  return true;
}

void K8sWatch::read_head(Deadline deadline) {
  auto head = answer_->head(std::min<Deadline>(deadline, silent_at_));
  if (!head) {
    if (!went_on(head.error())) fail(head.error().at(request().what));
    return;
  }
  has_head_ = true;
  status_ = head->status;
  if (status_ != 200) return;
  failure_.reset();
  tried_papers_ = false;
  if (!listing_) silent_at_ = began_ + options_.lifetime + options_.silence;
}

void K8sWatch::read_piece(Deadline deadline) {
  auto piece = answer_->piece(std::min<Deadline>(deadline, silent_at_));
  if (!piece) {
    if (went_on(piece.error())) return;
    // A cut in the middle of a watch is not worth a word, if it was one: it goes on from where it is.
    if (!listing_ && status_ == 200 && heard_) return ended();
    return fail(piece.error().at(request().what));
  }
  if (listing_) silent_at_ = now() + options_.silence;
  if (listing_ || status_ != 200) {
    body_ += *piece;
    if (body_.size() > largest_page) return fail({Code::refused, request().what + ": an answer of more than 64 MiB"});
    if (!piece->empty()) return;
    return status_ == 200 ? take_page() : take_refusal();
  }
  if (piece->empty()) return ended();
  take_events(*piece);
}

void K8sWatch::take_page() {
  auto page = decode_list(options_.kind, body_);
  if (!page) return fail(page.error());
  for (Unreadable& each : page->unreadable) {
    state_.listed_unreadable(each);
    warn(each.why + "; it is left out");
  }
  for (Object& object : page->objects) {
    note(object);
    state_.listed(std::move(object));
  }
  next_page_ = page->next;
  drop();
  backoff_.reset();
  if (next_page_.empty()) state_.end_list(page->version);
}

void K8sWatch::take_refusal() {
  if (is_gone(status_, body_)) {
    const bool fresh_list = listing_ && next_page_.empty();
    state_.lose_place();
    next_page_.clear();
    drop();
    // A list that has not begun has no place to lose.
    if (fresh_list) fail(api_error(request().what, status_, body_));
    return;
  }
  if (status_ == 401 && !tried_papers_ && client_->refused(papers_)) {
    tried_papers_ = true;
    return drop();
  }
  fail(api_error(request().what, status_, body_));
}

void K8sWatch::take_events(std::string_view bytes) {
  auto lines = stream_.feed(bytes);
  if (!lines) return fail(lines.error().at(request().what));
  for (const std::string& line : *lines) {
    take_event(line);
    if (!answer_) return;
  }
}

void K8sWatch::take_event(std::string_view line) {
  auto event = decode_event(options_.kind, line);
  if (!event) {
    // Nobody knows what was in it: only a list can tell.
    state_.lose_place();
    return fail(event.error().at(request().what));
  }
  heard_ = true;
  backoff_.reset();
  if (event->unreadable) {
    warn(event->unreadable->why + "; the change is left out");
    return state_.saw_unreadable(*event->unreadable);
  }
  switch (event->type) {
    case EventType::bookmark: return state_.bookmark(event->version);
    case EventType::added:
    case EventType::modified: note(event->object); [[fallthrough]];
    case EventType::deleted: return state_.saw(event->type, std::move(event->object));
    case EventType::error: break;
  }
  const std::string what = request().what;
  if (is_gone(0, event->status)) {
    state_.lose_place();
    return drop();
  }
  fail(api_error(what, 500, event->status));
}

// In order, at the end of its time, or cut. One that ends as soon as it began, again and again, is a failure.
void K8sWatch::ended() {
  const bool at_once = !heard_ && now() - began_ < std::chrono::seconds(1);
  if (at_once) return fail({Code::unavailable, request().what + ": ended as soon as it began"});
  drop();
}

void K8sWatch::drop() {
  const std::lock_guard lock(mutex_);
  answer_.reset();
}

void K8sWatch::fail(const Error& error) {
  drop();
  if (error.code == Code::unavailable) client_->forget_address();
  if (backoff_.failures() == 0) warn(error.message + "; trying again");
  again_at_ = now() + backoff_.next();
  failure_ = error;
}

void K8sWatch::note(const Object& object) const {
  if (options_.unheld) options_.unheld->saw(object);
}

void K8sWatch::warn(const std::string& text) const {
  if (options_.warn) options_.warn(text);
}

}  // namespace neonvm::k8s
