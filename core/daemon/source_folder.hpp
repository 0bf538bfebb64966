// SourceFolder: files of the host that a guest is to have, read whole, and watched.
//
// A source is a folder or one file; a Kubernetes volume (with "..data", which is switched to a new folder at each change) is
// a folder like another, of which that one moment is read. Called by daemon/files_push. read_source() blocks and may run on
// any thread; SourceWatch is the loop's. Failure: not_found when the source is not there; invalid_argument, with the file,
// when it cannot be sent.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/model/machine.hpp"
#include "core/model/result.hpp"
#include "core/runtime/loop.hpp"
#include "core/wire/file_bundle.hpp"

namespace neonvm::daemon {

struct SourceText {
  std::string bundle, checksum;      // as wire/file_bundle encodes it

  friend bool operator==(const SourceText&, const SourceText&) = default;
};

// What an optional source that is not there gives: no files.
Result<SourceText> read_source(const MachineFiles& files);

// Calls `changed` a moment after something in the source, or its place, has changed; a storm of changes is one call.
class SourceWatch {
 public:
  SourceWatch(runtime::Loop& loop, std::string source, std::function<void()> changed);
  ~SourceWatch();
  SourceWatch(const SourceWatch&) = delete;
  SourceWatch& operator=(const SourceWatch&) = delete;

  // Watches what is there now. To be called before each reading: folders come and go. Why not, if it cannot.
  Status look();

 private:
  void drain();
  void watch_place();

  runtime::Loop& loop_;
  std::string source_;
  std::function<void()> changed_;
  int inotify_ = -1;
  int place_ = -1;                   // the watch of the folder that the source is in, or of the nearest that is there
  std::string next_;                 // the name in it that leads to the source
  runtime::FdWatch watch_;
  runtime::Timer settle_;
};

}  // namespace neonvm::daemon
