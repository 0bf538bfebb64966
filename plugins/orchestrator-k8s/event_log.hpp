// EventLog: the events of one namespace, numbered by the server's resourceVersion. Any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/ports/orchestrator.hpp"
#include "plugins/orchestrator-k8s/api_client.hpp"

namespace neonvm::k8s {

class EventLog {
 public:
  EventLog(std::shared_ptr<ApiClient> client, std::string ns) : client_(std::move(client)), ns_(std::move(ns)) {}
  Status record(const Event& event, const std::string& uid, Deadline deadline);
  Result<std::vector<StoredEvent>> events(std::uint64_t after, Deadline deadline);
  Result<std::vector<StoredEvent>> wait(std::uint64_t after, Deadline deadline);

 private:
  struct Read {
    std::vector<StoredEvent> events;
    std::uint64_t version = 0;
  };
  Result<Read> read(std::uint64_t after, Deadline deadline);
  // One that came after `version`, or nothing at the end of the watch or of the time.
  Result<std::optional<StoredEvent>> follow(std::uint64_t version, std::uint64_t after, Deadline deadline);

  const std::shared_ptr<ApiClient> client_;
  const std::string ns_;
};

}  // namespace neonvm::k8s
