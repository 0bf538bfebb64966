// Private to wire: members of the small structs that stand in several documents.
#pragma once

#include "core/model/goal.hpp"
#include "core/model/vm.hpp"
#include "core/wire/reader.hpp"
#include "core/wire/writer.hpp"

namespace neonvm::wire {

void describe(auto& v, Like<Resources> auto& r) {
  v.need("cpu", r.cpu);
  v.need("memory", r.memory);
}

// A port as a machine has it; in a VirtualMachine the host's side is an annotation (vm_spec_json.cpp).
void describe(auto& v, Like<Port> auto& p) {
  v.field("name", p.name);
  v.need("guest", p.guest);
  v.field_or("host", p.host, 0);
  v.field_or("protocol", p.protocol, Protocol::tcp);
}

void describe(auto& v, Like<FileItem> auto& i) {
  v.need("key", i.key);
  v.need("path", i.path);
  v.field("mode", i.mode);
}

void describe(auto& v, Like<FilesState> auto& f) {
  v.need("name", f.name);
  v.field("why", f.why);
}

template <typename T>
concept StateOfSize = Like<T, CpuState> || Like<T, MemoryState>;

void describe(auto& v, StateOfSize auto& s) {
  v.need("asked", s.asked);
  v.need("actual", s.actual);
  v.field_or("settled", s.settled, true);
  v.field("why", s.why);
}

// Upstream's RevisionWithTime: all members required.
struct RevisionAt {
  Revision revision;
  WallTime at{};

  friend bool operator==(const RevisionAt&, const RevisionAt&) = default;
};

void describe(auto& v, Like<RevisionAt> auto& r) {
  v.need_group("revision", [&r](auto& inner) {
    inner.need("value", r.revision.value);
    inner.need("flags", r.revision.flags);
  });
  v.need("updatedAt", r.at);
}

// A revision and its time are two members of our structs and one of upstream's JSON.
void revision_at(auto& v, const char* key, auto& revision, auto& at) {
  std::optional<RevisionAt> both;
  if (revision) both = RevisionAt{*revision, at};
  v.field(key, both);
  if constexpr (std::remove_reference_t<decltype(v)>::reads) {
    if (both) {
      revision = both->revision;
      at = both->at;
    }
  }
}

}  // namespace neonvm::wire
