// MigrationPlace: where the target of a migration listens.
//
// Used by qemu_machine on both sides; as text it crosses from one to the other. Pure. Text: "unix:/run/vm/migration.sock"
// or "tls:HOST:PORT" (an IPv6 address in brackets), and ",disks" after it when the target takes the disks, too: at
// "….disks" beside the socket, or one port higher. A source that carries its disks goes nowhere else, and one that does
// not never goes there: the VM would wake up on empty disks.
// Failure: any other text is invalid_argument. There is no "tcp:": it has neither secrecy nor a peer that is known.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/result.hpp"

namespace neonvm::qemu {

struct MigrationPlace {
  std::string path;          // of a Unix socket; empty: host and port, with TLS
  std::string host;
  std::uint16_t port = 0;    // 1..65534
  bool takes_disks = false;

  [[nodiscard]] bool tls() const { return path.empty(); }
  [[nodiscard]] std::string disks_path() const { return path + ".disks"; }
  [[nodiscard]] std::uint16_t disks_port() const { return static_cast<std::uint16_t>(port + 1); }

  friend bool operator==(const MigrationPlace&, const MigrationPlace&) = default;
};

std::string to_text(const MigrationPlace& place);
Result<MigrationPlace> parse_place(const std::string& text);
// What QEMU's "migrate" and "migrate-incoming" take. The TLS is in the parameters.
std::string stream_uri(const MigrationPlace& place);

}  // namespace neonvm::qemu
