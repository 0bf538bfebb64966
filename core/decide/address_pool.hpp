// AddressPool: which VM has which overlay address. No address twice, none leaked.
//
// Called by daemon/controller; a value without I/O, rebuilt after a start from what the VMs' statuses say (hold), so
// that there is no second book that could disagree with them. One owner has one address; asking again gives the same.
// The lowest free address of the first range that has one is taken. IPv4 and IPv6. Cost: everything is logarithmic in the number
// of gaps between taken addresses, whatever the size of a range.
// Failure: out_of_capacity when every range is full; invalid_argument for ranges or addresses that make no sense.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/model/ip_address.hpp"
#include "core/model/result.hpp"

namespace neonvm::decide {

// "10.100.0.0/16", "fd00:100::/64". first, last: inside of it, empty: from the address after the network's to the one before
// broadcast, which IPv6 has not: there it is the last one.
struct AddressRange {
  std::string cidr;
  std::string first, last;
  std::vector<std::string> exclude;    // CIDRs inside that are never given
};

struct AddressLease {
  IpAddress address;
  std::uint8_t prefix = 32;            // of the range it came from
  friend bool operator==(const AddressLease&, const AddressLease&) = default;
};

class AddressPool {
 public:
  // What two ranges give may not overlap: an address would be in both.
  static Result<AddressPool> from(const std::vector<AddressRange>& ranges);

  Result<AddressLease> acquire(const std::string& owner);
  // This owner has this address already. already_exists: another owner has it, or this one has another.
  Result<AddressLease> hold(const std::string& owner, const IpAddress& address);
  void release(const std::string& owner);             // idempotent
  // Gives back what belongs to nobody of `owners`. Returns who lost what.
  std::vector<std::string> keep_only(const std::set<std::string>& owners);

  [[nodiscard]] const std::map<std::string, AddressLease>& leases() const { return by_owner_; }
  // How many there are, free or not; at most 2^64 - 1.
  [[nodiscard]] std::uint64_t capacity() const { return capacity_; }

 private:
  using Spans = std::map<IpAddress, IpAddress>;       // first to last, without overlap, none beside another
  struct Range {
    IpNetwork network;
    Spans given;                       // what may be given at all
    Spans free;                        // what of it nobody has
  };
  static Result<Range> range_from(const AddressRange& text);
  [[nodiscard]] Range* range_of(const IpAddress& address);

  std::vector<Range> ranges_;
  std::map<std::string, AddressLease> by_owner_;
  std::uint64_t capacity_ = 0;
};

}  // namespace neonvm::decide
