// AddressPool: which VM has which overlay address. No address twice, none leaked.
//
// Called by daemon/controller; a value without I/O, rebuilt after a start from what the VMs' statuses say (hold), so
// that there is no second book that could disagree with them. One owner has one address; asking again gives the same.
// The lowest free address of the first range that has one is taken. Cost: acquire walks the taken addresses of a range
// in order until it finds a gap, release and hold are logarithmic.
// Failure: out_of_capacity when every range is full; invalid_argument for ranges or addresses that make no sense.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/result.hpp"

namespace neonvm::decide {

struct Ipv4 {
  std::uint32_t value = 0;             // host byte order
  friend auto operator<=>(const Ipv4&, const Ipv4&) = default;
};
Result<Ipv4> parse_ipv4(std::string_view text);
std::string to_string(Ipv4 address);

// "10.100.0.0/16"; first, last: inside of it, empty: from the address after the network's to the one before broadcast.
struct AddressRange {
  std::string cidr;
  std::string first, last;
  std::vector<std::string> exclude;    // CIDRs inside that are never given
};

struct AddressLease {
  Ipv4 address;
  std::uint8_t prefix = 32;            // of the range it came from
  friend bool operator==(const AddressLease&, const AddressLease&) = default;
};

class AddressPool {
 public:
  static Result<AddressPool> from(const std::vector<AddressRange>& ranges);

  Result<AddressLease> acquire(const std::string& owner);
  // This owner has this address already. already_exists: another owner has it, or this one has another.
  Result<AddressLease> hold(const std::string& owner, Ipv4 address);
  void release(const std::string& owner);             // idempotent
  // Gives back what belongs to nobody of `owners`. Returns who lost what.
  std::vector<std::string> keep_only(const std::set<std::string>& owners);

  [[nodiscard]] const std::map<std::string, AddressLease>& leases() const { return by_owner_; }
  [[nodiscard]] std::uint64_t capacity() const;

 private:
  struct Span {
    Ipv4 first, last;
  };
  struct Range {
    std::uint8_t prefix = 32;
    std::vector<Span> spans;           // what may be given, ascending, without overlap
  };
  static Result<Range> range_from(const AddressRange& text);
  [[nodiscard]] const Range* range_of(Ipv4 address) const;

  std::vector<Range> ranges_;
  std::map<std::string, AddressLease> by_owner_;
  std::set<Ipv4> taken_;
};

}  // namespace neonvm::decide
