// object_json: Kubernetes' JSON of an object, a list, a watch event <-> Object. Pure.
//
// VirtualMachine and VirtualMachineMigration are custom resources and keep their spec and status as they are; a Node
// becomes ours (what VMs may be promised there), a pod with the runner's container a Runner. What other software keeps
// in an object's metadata (finalizers, owners, managed fields) is left alone by every write.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/finalizer.hpp"
#include "core/model/object.hpp"
#include "core/model/result.hpp"

namespace neonvm::k8s {

// Where an owner's name is not known: there its uid is kept, for Kubernetes wants both.
constexpr const char* owner_annotation = "neonvm.dev/owner-uid";
// Of a Node: the share above which VMs are to leave it.
constexpr const char* watermark_annotation = "neonvm.dev/watermark";
// What is free there by the books, {"cpu":QUANTITY,"memory":QUANTITY}; and when somebody who waits last got room there, in seconds since 1970:
// a label, because a kube-scheduler looks again at whom it could not place when a node's labels change, and not for annotations.
constexpr const char* headroom_annotation = "neonvm.dev/headroom";
constexpr const char* room_came_label = "neonvm.dev/room-came";

// invalid_argument: "VirtualMachine web: metadata.…".
Result<Object> decode(Kind kind, std::string_view json);

// A runner whose pod is being deleted and whose container has ended: a kubelet may keep such a pod for half a minute, but nothing
// of the VM is left in it. Lists leave it out, an event of it is its deletion.
bool is_gone(const Object& object);

// An object that cannot be read: what it is called, as far as that can be told, and why.
struct Unreadable {
  std::string uid;
  std::uint64_t version = 0;
  std::string why;
};

struct ListPage {
  std::vector<Object> objects;
  std::vector<Unreadable> unreadable;
  std::uint64_t version = 0;
  std::string next;               // the token of the next page; empty: this was the last
};
Result<ListPage> decode_list(Kind kind, std::string_view json);

enum class EventType { added, modified, deleted, bookmark, error };
struct WatchEvent {
  EventType type = EventType::error;
  Object object;                           // added, modified, deleted, if it could be read
  std::optional<Unreadable> unreadable;
  std::uint64_t version = 0;               // bookmark
  std::string status;                      // error: a Status object
};
// Error: these bytes are no watch event.
Result<WatchEvent> decode_event(Kind kind, std::string_view line);

// For a POST: without bookkeeping and status.
std::string encode_new(const Object& object, const std::string& ns);
// JSON patches that write what update and update_status write, if `object.version` is still the stored one.
// The first also fails, as invalid, unless our finalizer is the only one that is stored (`held`), or none is.
std::string update_patch(const Object& object, bool held);
std::string status_patch(const Object& object);
// `stored` with what update writes put into it, for a PUT; nothing when that changes nothing.
Result<std::optional<std::string>> merge_into(std::string_view stored, const Object& object);

}  // namespace neonvm::k8s
