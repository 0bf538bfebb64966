// AddressBook: who has which of the overlay network's addresses, as it is to be written into the stored IPPool.
//
// Called by daemon/address_office, which reads and writes the pool; a value without I/O. An owner is a VM, "NAMESPACE/NAME", as upstream
// names it. What stands in the pool and is not ours to understand (an address beyond our part of the range, a second one of an
// owner, somebody else's podref) is written back as it came, and its address is given to nobody.
// Laws: no address twice; an owner has one, and asking again gives the same; what is read from what was written is the same book;
// nothing is freed that was not asked for.
// Failure: out_of_capacity when every address is taken; invalid_argument for a range that makes no sense.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/decide/address_pool.hpp"
#include "core/model/ip_pool.hpp"

namespace neonvm::decide {

// IPv4 only: the guests' kernels are told by their ip= parameter, which knows no other. No range: there is no network.
struct AddressSettings {
  std::string network = "neonvm";      // before the range in the pool's name, as upstream's network_name
  std::string range;                   // "10.100.0.0/16"
  std::string first, last;             // of it; empty: all but the network's own and broadcast
};

class AddressBook {
 public:
  static Result<AddressBook> from(const AddressSettings& settings);

  [[nodiscard]] const std::string& pool_name() const { return name_; }  // "neonvm-10.100.0.0-16"
  // Replaces what was known. Returns what could not be booked, each with its key. failed_precondition: it is another range's pool.
  Result<std::vector<std::string>> read(const IpPool& stored);
  [[nodiscard]] IpPool record() const;                   // as it is to be stored

  // wish: the one that it had; given if nobody else has it and it is in the range, else another one.
  Result<AddressLease> claim(const std::string& owner, const std::optional<IpAddress>& wish);
  void release(const std::string& owner);                // all that it has; idempotent
  [[nodiscard]] bool holds(const std::string& owner) const;  // an address, or an entry besides
  // VMs that have an address, or entries besides; not those with a podref, which are not VMs.
  [[nodiscard]] std::vector<std::string> owners() const;
  [[nodiscard]] std::uint64_t capacity() const { return pool_.capacity(); }
  [[nodiscard]] std::size_t taken() const { return pool_.leases().size(); }

 private:
  AddressBook(AddressPool empty, const IpNetwork& range, std::string name);

  AddressPool empty_;                  // as it is before anything is read
  AddressPool pool_;
  IpNetwork range_;
  std::string name_;
  IpPool stored_;                      // for what is kept of an entry
  std::map<std::string, IpAllocation> strange_;          // by key: not booked, and written back
};

}  // namespace neonvm::decide
