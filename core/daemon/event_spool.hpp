// EventSpool: events that are to reach somebody else, on the disk until they have.
//
// A folder of batches, each one file of lines. What commit() or append() returned from is on the disk, whatever happens to the
// process or the machine afterwards; a batch is there whole or not at all. A batch goes when every client that there is has it; who
// has it already is noted beside it. Any thread: calls wait for each other and for the disk, so they belong on a worker. One process a
// folder. A batch is given to nobody before release(): so its maker can write down first that it was made. Failure: out_of_capacity when the batches would take more than `most_bytes`: nothing is thrown away for it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::daemon {

struct EventBatch {
  std::uint64_t number = 0;                // grows; the oldest is the smallest
  std::string id;                          // 32 hexadecimal digits, never used twice: what a receiver knows a repetition by
  WallTime made{};
  std::string note;                        // of whoever committed it; not for a receiver
  std::vector<std::string> lines;
};

class EventSpool {
 public:
  // Makes the folder. Of a process before, what was begun is ended: an open journal becomes a batch, half-written files go.
  static Result<std::unique_ptr<EventSpool>> open(const std::string& folder, std::vector<std::string> clients, std::uint64_t most_bytes);

  // A whole batch in one step. Returns its number.
  Result<std::uint64_t> commit(const std::string& note, const std::vector<std::string>& lines, WallTime now);
  // Lines for the batch that is open; seal() makes it one, if there are any. Returns whether there is a new batch.
  Status append(const std::vector<std::string>& lines);
  Result<bool> seal(WallTime now);

  // All batches that there are may be sent now.
  void release();

  // The oldest batch that this client has not, of those that may be sent. none: number 0.
  Result<EventBatch> next_for(const std::string& client);
  Status delivered(std::uint64_t number, const std::string& client);
  // The note of the newest batch; empty: there is none.
  Result<std::string> last_note();

  [[nodiscard]] std::size_t waiting(const std::string& client) const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct File {
    std::string name;                      // without its folder
    std::uint64_t size = 0;
    std::set<std::string> has;             // clients
  };
  EventSpool(std::string folder, std::vector<std::string> clients, std::uint64_t most_bytes);
  Status recover();
  Status note_file(const std::string& name);
  Status write(const std::string& name, const std::string& text) const;
  Status sync_folder() const;
  Status remove_if_done(std::uint64_t number);
  Result<std::uint64_t> commit_locked(const std::string& text, WallTime now);
  Result<bool> seal_locked(WallTime now);
  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }

  const std::string folder_;
  const std::vector<std::string> clients_;
  const std::uint64_t most_bytes_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, File> files_;
  std::uint64_t last_ = 0, released_ = 0, bytes_ = 0, open_bytes_ = 0;
};

}  // namespace neonvm::daemon
