#include "core/decide/address_pool.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace neonvm::decide {
namespace {

std::optional<std::uint32_t> number(std::string_view text, std::uint32_t most) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value > most) return std::nullopt;
  return value;
}

struct Cidr {
  Ipv4 network, broadcast;
  std::uint8_t prefix = 32;
};

Result<Cidr> parse_cidr(const std::string& text) {
  const Error wrong{Code::invalid_argument, "\"" + text + "\" is not a range like 10.100.0.0/16"};
  const auto slash = text.find('/');
  if (slash == std::string::npos) return wrong;
  const auto address = parse_ipv4(std::string_view(text).substr(0, slash));
  const auto prefix = number(std::string_view(text).substr(slash + 1), 32);
  if (!address || !prefix) return wrong;
  const std::uint32_t host = *prefix == 0 ? 0xffffffffU : (*prefix == 32 ? 0 : 0xffffffffU >> *prefix);
  return Cidr{{address->value & ~host}, {address->value | host}, static_cast<std::uint8_t>(*prefix)};
}

Result<Ipv4> inside(const std::string& text, const Cidr& cidr, Ipv4 otherwise) {
  if (text.empty()) return otherwise;
  auto address = parse_ipv4(text);
  if (!address) return address;
  if (*address < cidr.network || *address > cidr.broadcast) {
    return Error{Code::invalid_argument, text + " is outside of its range"};
  }
  return address;
}

}  // namespace

Result<Ipv4> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  std::string_view rest = text;
  for (int i = 0; i < 4; ++i) {
    const auto dot = i < 3 ? rest.find('.') : rest.size();
    const auto part = dot == std::string_view::npos ? std::nullopt : number(rest.substr(0, dot), 255);
    if (!part) return Error{Code::invalid_argument, "\"" + std::string(text) + "\" is not an IPv4 address"};
    value = value << 8 | *part;
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return Ipv4{value};
}

std::string to_string(Ipv4 address) {
  const auto byte = [address](int shift) { return std::to_string(address.value >> shift & 255U); };
  return byte(24) + "." + byte(16) + "." + byte(8) + "." + byte(0);
}

Result<AddressPool::Range> AddressPool::range_from(const AddressRange& text) {
  const auto cidr = parse_cidr(text.cidr);
  if (!cidr) return cidr.error();
  const bool tiny = cidr->prefix >= 31;  // RFC 3021: two hosts and no broadcast
  const auto first = inside(text.first, *cidr, tiny ? cidr->network : Ipv4{cidr->network.value + 1});
  if (!first) return first.error().at(text.cidr);
  const auto last = inside(text.last, *cidr, tiny ? cidr->broadcast : Ipv4{cidr->broadcast.value - 1});
  if (!last) return last.error().at(text.cidr);
  if (*last < *first) return Error{Code::invalid_argument, text.cidr + ": it ends before it begins"};
  Range range{cidr->prefix, {{*first, *last}}};
  for (const std::string& hole_text : text.exclude) {
    const auto hole = parse_cidr(hole_text);
    if (!hole) return hole.error().at(text.cidr + ": exclude");
    std::vector<Span> left;
    for (const Span& span : range.spans) {
      if (hole->broadcast < span.first || hole->network > span.last) {
        left.push_back(span);
        continue;
      }
      if (span.first < hole->network) left.push_back({span.first, {hole->network.value - 1}});
      if (hole->broadcast < span.last) left.push_back({{hole->broadcast.value + 1}, span.last});
    }
    range.spans = std::move(left);
  }
  return range;
}

Result<AddressPool> AddressPool::from(const std::vector<AddressRange>& ranges) {
  AddressPool pool;
  for (const AddressRange& text : ranges) {
    auto range = range_from(text);
    if (!range) return range.error();
    pool.ranges_.push_back(std::move(*range));
  }
  return pool;
}

Result<AddressLease> AddressPool::acquire(const std::string& owner) {
  if (const auto at = by_owner_.find(owner); at != by_owner_.end()) return at->second;
  for (const Range& range : ranges_) {
    for (const Span& span : range.spans) {
      Ipv4 free = span.first;
      for (auto at = taken_.lower_bound(free); at != taken_.end() && *at == free && free < span.last; ++at) ++free.value;
      if (taken_.count(free) != 0) continue;
      taken_.insert(free);
      return by_owner_[owner] = {free, range.prefix};
    }
  }
  return Error{Code::out_of_capacity, "all " + std::to_string(capacity()) + " addresses are in use"};
}

Result<AddressLease> AddressPool::hold(const std::string& owner, Ipv4 address) {
  const auto at = by_owner_.find(owner);
  if (at != by_owner_.end() && at->second.address == address) return at->second;
  if (at != by_owner_.end()) {
    return Error{Code::already_exists, owner + " has " + to_string(at->second.address) + " already"};
  }
  const Range* range = range_of(address);
  if (!range) return Error{Code::invalid_argument, to_string(address) + " is in none of the ranges"};
  if (!taken_.insert(address).second) {
    return Error{Code::already_exists, to_string(address) + " belongs to another VM"};
  }
  return by_owner_[owner] = {address, range->prefix};
}

void AddressPool::release(const std::string& owner) {
  const auto at = by_owner_.find(owner);
  if (at == by_owner_.end()) return;
  taken_.erase(at->second.address);
  by_owner_.erase(at);
}

std::vector<std::string> AddressPool::keep_only(const std::set<std::string>& owners) {
  std::vector<std::string> lost;
  for (const auto& [owner, lease] : by_owner_) {
    if (owners.count(owner) == 0) lost.push_back(owner);
  }
  for (const std::string& owner : lost) release(owner);
  return lost;
}

const AddressPool::Range* AddressPool::range_of(Ipv4 address) const {
  for (const Range& range : ranges_) {
    for (const Span& span : range.spans) {
      if (span.first <= address && address <= span.last) return &range;
    }
  }
  return nullptr;
}

std::uint64_t AddressPool::capacity() const {
  std::uint64_t sum = 0;
  for (const Range& range : ranges_) {
    for (const Span& span : range.spans) sum += std::uint64_t{span.last.value} - span.first.value + 1;
  }
  return sum;
}

}  // namespace neonvm::decide
