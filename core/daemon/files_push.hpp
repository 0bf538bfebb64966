// FilesPush: keeps the files of one VM's guest as they are on the host.
//
// Owned by Runner. Loop thread; files are read on a worker. At each session of the guest it asks what is there and sends
// only what differs, all files of a mount in one step; later at once when the host's change. What the host has no more stays
// in the guest, and states() says so. Failure: states() says why a mount is behind; it is tried again after each change, and
// every `retry` while something is wrong. Nothing of a file's content is ever logged.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/daemon/guest_link.hpp"
#include "core/daemon/source_folder.hpp"

namespace neonvm::daemon {

class FilesPush {
 public:
  static constexpr Duration retry = std::chrono::seconds(5);
  static constexpr Duration answer_limit = std::chrono::seconds(20);

  // changed: states() did.
  FilesPush(runtime::Loop& loop, GuestLink& guest, const std::vector<MachineFiles>& files, std::function<void()> changed);
  ~FilesPush();

  void guest_came();
  void guest_went();
  // True: it was for one of its streams.
  bool acknowledged(const wire::Ack& ack);
  [[nodiscard]] std::vector<FilesState> states() const;

 private:
  struct Folder;
  void look(Folder& folder);
  void was_read(Folder& folder, Result<SourceText> text);
  void compare(Folder& folder);
  void send(Folder& folder);
  void send_more(Folder& folder);
  void sent(Folder& folder, const Result<wire::Reply>& reply);
  void say(Folder& folder, const std::string& why);
  void try_again(Folder& folder);

  runtime::Loop& loop_;
  GuestLink& guest_;
  std::function<void()> changed_;
  std::vector<std::unique_ptr<Folder>> folders_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace neonvm::daemon
