// LeaseBook: who may take a Lease, judged by what was seen and when, never by the clocks of two machines. Pure.
//
// A lease is over when its record has not changed for as long as it says that it lasts, counted on our own clock from
// when we first saw that record. So nobody takes one over before the holder's own time is over, and a holder that wrote
// has the whole time again. Any thread that holds the owner's lock.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/model/instant.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

// A coordination.k8s.io/v1 Lease, as far as it matters here.
struct LeaseRecord {
  std::string version;           // resourceVersion; empty: there is none
  std::string holder;
  Duration lasts{};
  std::int64_t transitions = 0;
  std::string acquired;          // as stored

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

class LeaseBook {
 public:
  // `holder` may write itself into the record that was just seen.
  bool may_take(const std::string& name, const LeaseRecord& seen, const std::string& holder, Instant now);
  // What the server answered to a write of ours.
  void wrote(const std::string& name, const LeaseRecord& written) { written_[name] = written; }
  // The last such, if it is this holder's; forgotten with that: a write over it that fails may have changed it all the same.
  std::optional<LeaseRecord> take_written(const std::string& name, const std::string& holder);

 private:
  struct Seen {
    std::string version;
    Instant at{};
  };
  std::map<std::string, Seen> seen_;
  std::map<std::string, LeaseRecord> written_;
};

Result<LeaseRecord> decode_lease(std::string_view json);
// For a POST (before.version empty) or a PUT.
std::string encode_lease(const LeaseRecord& before, const std::string& ns, const std::string& name,
                         const std::string& holder, Duration ttl, WallTime now);

}  // namespace neonvm::k8s
