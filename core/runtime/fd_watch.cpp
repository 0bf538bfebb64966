#include <boost/asio/post.hpp>

#include "core/runtime/loop_impl.hpp"

namespace neonvm::runtime {

FdSource::FdSource(Loop::Impl& impl, int fd) : impl_(&impl), fd_(fd), descriptor_(impl.io) {
  boost::system::error_code refused;
  descriptor_->assign(fd, refused);
  // A bad fd: the task is called all the same, so that its read tells.
  if (refused) descriptor_.reset();
}

FdSource::~FdSource() { detach(); }

void FdSource::detach() {
  if (impl_ == nullptr) return;
  if (descriptor_ && descriptor_->is_open()) descriptor_->release();
  descriptor_.reset();
  impl_->sources.erase(fd_);
  impl_ = nullptr;
}

void FdSource::wait(Descriptor::wait_type what, const std::shared_ptr<FdWatch::State>& watch) {
  if (impl_ == nullptr) return;
  std::weak_ptr<FdWatch::State> weak = watch;
  if (!descriptor_) {
    asio::post(impl_->io, [weak] {
      if (const auto state = weak.lock()) state->ready();
    });
    return;
  }
  descriptor_->async_wait(what, [weak](boost::system::error_code error) {
    const auto state = weak.lock();
    if (!state) return;
    if (error == asio::error::operation_aborted) {
      state->wait();
    } else {
      state->ready();
    }
  });
}

void FdSource::rearm_others() {
  boost::system::error_code ignored;
  if (descriptor_) descriptor_->cancel(ignored);
}

void FdWatch::State::ready() {
  // epoll forgets a PSI event once it was reported, so nobody may be absent while the task runs; for the others the
  // wait begins after the task, which has taken away what made the fd ready.
  const bool at_once = what == FdSource::Descriptor::wait_error;
  const std::weak_ptr<State> weak = weak_from_this();
  const std::function<void()> call = task;
  if (at_once) wait();
  call();
  const auto self = weak.lock();
  if (self && !at_once) self->wait();
}

FdWatch::FdWatch(std::shared_ptr<State> state) : state_(std::move(state)) {}
FdWatch::FdWatch(FdWatch&&) noexcept = default;

FdWatch& FdWatch::operator=(FdWatch&& other) noexcept {
  if (this == &other) return *this;
  FdWatch before(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

FdWatch::~FdWatch() {
  if (!state_) return;
  const std::shared_ptr<FdSource> source = state_->source;
  state_.reset();
  if (source.use_count() > 1) source->rearm_others();
}

FdWatch Loop::watch(int fd, WatchKind kind, std::function<void()> task) {
  std::shared_ptr<FdSource> source = impl_->sources[fd].lock();
  if (!source) {
    source = std::make_shared<FdSource>(*impl_, fd);
    impl_->sources[fd] = source;
  }
  auto state = std::make_shared<FdWatch::State>();
  state->source = std::move(source);
  state->task = std::move(task);
  switch (kind) {
    case WatchKind::readable: state->what = FdSource::Descriptor::wait_read; break;
    case WatchKind::writable: state->what = FdSource::Descriptor::wait_write; break;
    case WatchKind::priority: state->what = FdSource::Descriptor::wait_error; break;
  }
  state->wait();
  return FdWatch(std::move(state));
}

FdWatch Loop::watch_readable(int fd, std::function<void()> task) {
  return watch(fd, WatchKind::readable, std::move(task));
}
FdWatch Loop::watch_writable(int fd, std::function<void()> task) {
  return watch(fd, WatchKind::writable, std::move(task));
}
FdWatch Loop::watch_priority(int fd, std::function<void()> task) {
  return watch(fd, WatchKind::priority, std::move(task));
}

}  // namespace neonvm::runtime
