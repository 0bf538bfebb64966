// event_sink: sends one batch of events to a service: HTTP as upstream's consumer takes it, S3, Azure Blob Storage.
//
// Called by EventPusher on a worker; each call blocks until the deadline at most. The same batch sent twice is one to the receiver: an
// HTTP consumer knows events by their idempotency key, in the others a batch has a name of its own and is written over itself. Keys and
// tokens are read from their files, or the environment, for every batch, so that rotated ones count; no message holds one. Failure: an
// Error whose message begins with the cause that the metric has ("HTTP code 503").
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/daemon/event_spool.hpp"
#include "core/runtime/clock.hpp"

namespace neonvm::daemon {

// POST URL/usage_events {"events":[…]}, `most` events a request; 200 is success.
struct HttpSink {
  std::string url, token_file, ca_file;    // token_file, ca_file: may be empty
  std::size_t most = 500;
};
// PutObject of gzipped lines, path style.
struct S3Sink {
  std::string bucket, region, endpoint, prefix, credentials_file, ca_file;  // endpoint empty: AWS' own of the region
};
// Put Blob of gzipped lines, with the account's shared key or a SAS.
struct AzureSink {
  std::string endpoint, container, prefix, key_file, sas_file, ca_file;
};

// Where a batch goes in a bucket: billing's and the scaling events' names differ, as upstream's do.
enum class EventStream { billing, scaling };
std::string object_key(EventStream stream, const std::string& prefix, const EventBatch& batch);

using SendBatch = std::function<Status(const EventBatch&, Deadline)>;

// wall: now, for signatures. Errors of what cannot be right at all: a URL, a bucket without a region.
Result<SendBatch> http_sink(HttpSink sink);
Result<SendBatch> s3_sink(S3Sink sink, EventStream stream, std::function<WallTime()> wall);
Result<SendBatch> azure_sink(AzureSink sink, EventStream stream, std::function<WallTime()> wall);

// What the metric calls an error of a sink: what stands before its first ": ".
std::string cause_of(const Error& error);

}  // namespace neonvm::daemon
