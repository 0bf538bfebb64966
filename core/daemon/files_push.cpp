#include "core/daemon/files_push.hpp"

#include <algorithm>

#include "core/runtime/log.hpp"

namespace neonvm::daemon {

struct FilesPush::Folder {
  MachineFiles files;
  std::unique_ptr<SourceWatch> watch;
  bool known = false;                // what the host has was read at least once
  bool reading = false, read_again = false;
  SourceText source;                 // what the host has
  std::string in_guest;              // checksum of what this session's guest has; empty: not known
  std::uint64_t request = 0;         // under way
  SourceText sending;
  std::size_t offset = 0, unacknowledged = 0;
  bool asked = false;                // the question is open
  std::string why = "not sent yet";
  Instant began{};
  runtime::Timer timer;
};

FilesPush::FilesPush(runtime::Loop& loop, GuestLink& guest, const std::vector<MachineFiles>& files, std::function<void()> changed)
    : loop_(loop), guest_(guest), changed_(std::move(changed)) {
  for (const MachineFiles& each : files) {
    auto folder = std::make_unique<Folder>();
    folder->files = each;
    Folder& made = *folder;
    if (each.watch) made.watch = std::make_unique<SourceWatch>(loop_, each.source, [this, &made] { look(made); });
    folders_.push_back(std::move(folder));
  }
}

FilesPush::~FilesPush() = default;

std::vector<FilesState> FilesPush::states() const {
  std::vector<FilesState> all;
  for (const auto& folder : folders_) all.push_back({folder->files.name, folder->why});
  return all;
}

void FilesPush::guest_came() {
  for (auto& folder : folders_) {
    folder->request = 0;
    folder->asked = false;
    folder->in_guest.clear();
    if (folder->watch || !folder->known) {
      look(*folder);
    } else {
      compare(*folder);
    }
  }
}

void FilesPush::guest_went() {
  for (auto& folder : folders_) {
    folder->timer.cancel();
    folder->request = 0;
    folder->asked = false;
    folder->in_guest.clear();
  }
}

void FilesPush::look(Folder& folder) {
  if (folder.reading) {
    folder.read_again = true;
    return;
  }
  folder.reading = true;
  folder.began = loop_.now();
  if (folder.watch) {
    // Before the reading, so that what changes after it is heard of.
    if (auto seen = folder.watch->look(); !seen) {
      runtime::log_warning("runner", "changes of files may not be seen", {{"disk", folder.files.name}, {"why", seen.error().message}});
    }
  }
  loop_.off_loop([files = folder.files] { return read_source(files); },
                 [this, weak = std::weak_ptr(alive_), &folder](Result<SourceText> text) {
                   if (!weak.expired()) was_read(folder, std::move(text));
                 });
}

void FilesPush::was_read(Folder& folder, Result<SourceText> text) {
  folder.reading = false;
  if (std::exchange(folder.read_again, false)) return look(folder);
  if (text) {
    folder.known = true;
    folder.source = std::move(*text);
    return compare(folder);
  }
  const std::string stays = folder.known ? "; the guest keeps what it had" : "";
  say(folder, text.error().message + stays);
  try_again(folder);
}

// Nothing is sent that is there: after a migration or a new monitor the guest has it all.
void FilesPush::compare(Folder& folder) {
  if (!guest_.connected() || folder.request != 0 || folder.asked) return;
  if (folder.in_guest == folder.source.checksum) return say(folder, "");
  if (!folder.in_guest.empty()) return send(folder);
  folder.asked = true;
  // Of what is not watched the guest keeps what it was given first.
  guest_.request(wire::CheckFiles{0, folder.files.name, folder.watch ? folder.source.checksum : ""}, answer_limit,
                 [this, weak = std::weak_ptr(alive_), &folder](const Result<wire::Reply>& reply) {
                   if (weak.expired() || !std::exchange(folder.asked, false)) return;
                   if (!reply) {
                     say(folder, reply.error().message);
                     return try_again(folder);
                   }
                   folder.in_guest = reply->ok ? folder.source.checksum : "other";
                   compare(folder);
                 });
}

void FilesPush::send(Folder& folder) {
  folder.sending = folder.source;
  folder.offset = folder.unacknowledged = 0;
  folder.request = guest_.request(wire::PutFiles{0, folder.files.name, folder.sending.checksum}, answer_limit,
                                  [this, weak = std::weak_ptr(alive_), &folder](const Result<wire::Reply>& reply) {
                                    if (!weak.expired() && folder.request != 0) sent(folder, reply);
                                  });
  send_more(folder);
}

void FilesPush::send_more(Folder& folder) {
  const std::string& text = folder.sending.bundle;
  while (folder.unacknowledged + wire::stream_chunk <= wire::stream_window) {
    wire::StreamData data;
    data.id = folder.request;
    data.stream = wire::Stream::file;
    data.bytes = text.substr(folder.offset, wire::stream_chunk);
    folder.offset += data.bytes.size();
    folder.unacknowledged += data.bytes.size();
    data.end = folder.offset == text.size();
    guest_.send(data);
    if (data.end) return;
  }
}

bool FilesPush::acknowledged(const wire::Ack& ack) {
  for (auto& folder : folders_) {
    if (folder->request == 0 || folder->request != ack.id) continue;
    folder->unacknowledged -= std::min<std::size_t>(folder->unacknowledged, ack.bytes);
    if (folder->offset < folder->sending.bundle.size()) send_more(*folder);
    return true;
  }
  return false;
}

void FilesPush::sent(Folder& folder, const Result<wire::Reply>& reply) {
  folder.request = 0;
  if (!reply || !reply->ok) {
    say(folder, reply ? "the guest did not take them: " + reply->why : reply.error().message);
    return try_again(folder);
  }
  folder.in_guest = folder.sending.checksum;
  runtime::log_info("runner", "files sent", {{"disk", folder.files.name}, {"bytes", std::to_string(folder.sending.bundle.size())},
                                             {"ms", std::to_string((loop_.now() - folder.began) / std::chrono::milliseconds(1))}});
  folder.sending = {};
  compare(folder);
}

void FilesPush::say(Folder& folder, const std::string& why) {
  if (folder.why == why) return;
  folder.why = why;
  if (!why.empty()) runtime::log_warning("runner", "files of the guest are behind", {{"disk", folder.files.name}, {"why", why}});
  changed_();
}

// No event tells that a disk has room again, or that a permission was given.
void FilesPush::try_again(Folder& folder) {
  folder.timer = loop_.after(retry, [this, &folder] { look(folder); });
}

}  // namespace neonvm::daemon
