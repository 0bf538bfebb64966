#include "core/daemon/address_office.hpp"

#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/daemon/world.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/ip_pool.hpp"

namespace neonvm::daemon {
namespace {

constexpr Duration stock_retry = std::chrono::seconds(10);

const char* action_word(bool acquire) { return acquire ? "acquire" : "release"; }

// One that is not there yet is made, empty.
Result<Object> read_pool(Orchestrator& orchestrator, const std::string& name, const std::string& empty, Duration limit) {
  auto there = orchestrator.get(Kind::ip_pool, name, call_deadline(limit));
  if (there || there.error().code != Code::not_found) return there;
  Object made;
  made.kind = Kind::ip_pool;
  made.name = name;
  made.spec = empty;
  auto created = orchestrator.create(made, call_deadline(limit));
  if (created || created.error().code != Code::already_exists) return created;
  return orchestrator.get(Kind::ip_pool, name, call_deadline(limit));
}

std::string in_one_line(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += (all.empty() ? "" : "; ") + line;
  return all;
}

}  // namespace

std::string address_owner(const Object& vm) { return vm.name.find('/') == std::string::npos ? vm.ns + "/" + vm.name : vm.name; }

AddressOffice::AddressOffice(runtime::Loop& loop, Orchestrator& orchestrator, runtime::MetricsRegistry& metrics, AddressOfficeSettings settings)
    : loop_(loop), orchestrator_(orchestrator), metrics_(metrics), settings_(std::move(settings)) {
  for (const Action action : {Action::acquire, Action::release}) count(action, 0);
  collected_ = metrics_.at_scrape([this](std::vector<runtime::MetricSample>& out) {
    if (!stored_) return;
    out.push_back({&families::addresses, {}, static_cast<double>(stored_->book.capacity())});
    out.push_back({&families::addresses_taken, {}, static_cast<double>(stored_->book.taken())});
  });
}

void AddressOffice::claim(const std::string& owner, const OverlayAddress& before, Claimed done) {
  Deed deed;
  deed.owner = owner;
  if (const auto wish = parse_ip(before.ip)) deed.wish = *wish;
  deed.done = std::move(done);
  add(std::move(deed));
}

void AddressOffice::release(const std::string& owner, Released done) {
  Deed deed;
  deed.action = Action::release;
  deed.owner = owner;
  deed.done = [done = std::move(done)](const Result<OverlayAddress>& outcome) {
    if (done) done(outcome ? Status{} : Status(outcome.error()));
  };
  add(std::move(deed));
}

void AddressOffice::take_stock(std::function<bool(const std::string& owner)> known) {
  if (!settings_.book) return;
  stock_ = std::move(known);
  wake();
}

void AddressOffice::add(Deed deed) {
  deed.began = loop_.now();
  count(deed.action, 1);
  waiting_.push_back(std::move(deed));
  wake();
}

// Not at once: what is asked in the same turn goes together.
void AddressOffice::wake() {
  if (std::exchange(woken_, true)) return;
  loop_.post([this, weak = std::weak_ptr(alive_)] {
    if (weak.expired()) return;
    woken_ = false;
    next();
  });
}

void AddressOffice::next() {
  if (busy_ || (waiting_.empty() && !stock_)) return;
  if (!settings_.book) {
    for (Deed& deed : waiting_) {
      if (deed.action == Action::release) continue;
      deed.outcome = Error{Code::failed_precondition,
                           "spec.extraNetwork asks for an address, and there are none: the controller's configuration has no [network] range; "
                           "give it one, as range = \"10.100.0.0/16\", or leave extraNetwork out"};
    }
    return answer(std::exchange(waiting_, {}));
  }
  if (!stored_) return load();
  if (stock_) return check_owners();
  auto deeds = std::make_shared<Deeds>(std::exchange(waiting_, {}));
  decide::AddressBook book = stored_->book;
  bool changed = false;
  for (Deed& deed : *deeds) changed = apply(book, deed) || changed;
  if (!changed) return answer(std::move(*deeds));
  write(std::move(book), deeds);
}

bool AddressOffice::apply(decide::AddressBook& book, Deed& deed) {
  const bool had = book.holds(deed.owner);
  if (deed.action == Action::release) {
    book.release(deed.owner);
    return had;
  }
  const std::size_t before = book.taken();
  const auto lease = book.claim(deed.owner, deed.wish);
  if (lease) deed.outcome = OverlayAddress{to_string(lease->address), netmask(lease->address.family, lease->prefix)};
  else deed.outcome = lease.error();
  return book.taken() != before;
}

void AddressOffice::load() {
  busy_ = true;
  const decide::AddressBook& book = *settings_.book;
  const std::string name = (settings_.ns.empty() ? "" : settings_.ns + "/") + book.pool_name();
  loop_.off_loop([&orchestrator = orchestrator_, name, empty = wire::encode(book.record()),
                  limit = settings_.call_limit] { return read_pool(orchestrator, name, empty, limit); },
                 [this, weak = std::weak_ptr(alive_)](const Result<Object>& object) {
                   if (!weak.expired()) loaded(object);
                 });
}

void AddressOffice::loaded(const Result<Object>& object) {
  busy_ = false;
  if (!object) return fail_all(object.error());
  const auto pool = wire::decode_ip_pool(object->spec);
  if (!pool) return fail_all(pool.error().at("IPPool " + object->name));
  decide::AddressBook book = *settings_.book;
  const auto faults = book.read(*pool);
  if (!faults) return fail_all(faults.error());
  const std::string strange = in_one_line(*faults);
  if (!strange.empty() && strange != told_) {
    runtime::log_warning("addresses", "entries of the pool are not understood; they stay as they are", {{"pool", object->name}, {"entries", strange}});
  }
  told_ = strange;
  stored_ = Stored{*object, std::move(book)};
  next();
}

// The store itself is asked: what watches tell is late.
void AddressOffice::check_owners() {
  const auto known = std::exchange(stock_, nullptr);
  // A pool without a namespace before its name is seen by a door that sees one namespace only.
  const bool all = stored_->object.name.find('/') != std::string::npos;
  const std::string ours = stored_->object.ns + "/";
  std::vector<std::string> doubtful;
  for (const std::string& owner : stored_->book.owners())
    if (!known(owner) && (all || owner.starts_with(ours))) doubtful.push_back(owner);
  if (doubtful.empty()) return next();
  busy_ = true;
  loop_.off_loop(
      [&orchestrator = orchestrator_, doubtful, all, limit = settings_.call_limit] {
        std::vector<std::string> gone;
        for (const std::string& owner : doubtful) {
          const auto vm = orchestrator.get(Kind::virtual_machine, all ? owner : short_name(owner), call_deadline(limit));
          if (!vm && (vm.error().code == Code::not_found || vm.error().code == Code::invalid_argument)) gone.push_back(owner);
        }
        return gone;
      },
      [this, weak = std::weak_ptr(alive_)](const std::vector<std::string>& gone) {
        if (!weak.expired()) checked(gone);
      });
}

void AddressOffice::checked(const std::vector<std::string>& gone) {
  busy_ = false;
  for (const std::string& owner : gone) {
    runtime::log_warning("addresses", "frees the address of a VM that is not there any more", {{"vm", owner}});
    release(owner, nullptr);
  }
  next();
}

void AddressOffice::write(decide::AddressBook book, std::shared_ptr<Deeds> deeds) {
  busy_ = true;
  Object object = stored_->object;
  object.spec = wire::encode(book.record());
  loop_.off_loop([&orchestrator = orchestrator_, object = std::move(object),
                  limit = settings_.call_limit] { return orchestrator.update(object, call_deadline(limit)); },
                 [this, weak = std::weak_ptr(alive_), book = std::move(book), deeds](const Result<Object>& object) mutable {
                   if (!weak.expired()) written(object, std::move(book), std::move(*deeds));
                 });
}

void AddressOffice::written(const Result<Object>& object, decide::AddressBook book, Deeds deeds) {
  busy_ = false;
  if (object) {
    const bool room = book.taken() < stored_->book.taken();
    stored_ = Stored{*object, std::move(book)};
    answer(std::move(deeds));
    if (room && on_room_) on_room_();
    return next();
  }
  // Whether it was written is not known, so all is read again; what was asked first stays first.
  stored_.reset();
  waiting_.insert(waiting_.begin(), std::make_move_iterator(deeds.begin()), std::make_move_iterator(deeds.end()));
  const Code code = object.error().code;
  if (code == Code::conflict || code == Code::not_found) return next();
  fail_all(object.error());
}

void AddressOffice::fail_all(const Error& error) {
  for (Deed& deed : waiting_) deed.outcome = error;
  // Nobody asks for that again.
  if (stock_) retry_ = loop_.after(stock_retry, [this] { wake(); });
  answer(std::exchange(waiting_, {}));
}

void AddressOffice::answer(Deeds deeds) {
  for (Deed& deed : deeds) {
    count(deed.action, -1);
    metrics_.histogram(families::up_ipam_seconds, {action_word(deed.action == Action::acquire), deed.outcome ? "success" : "failure"})
        .observe(seconds(loop_.now() - deed.began));
    deed.done(deed.outcome);
  }
}

void AddressOffice::count(Action action, int more) {
  metrics_.gauge(families::up_ipam_ongoing, {action_word(action == Action::acquire)}).set(ongoing_[action == Action::acquire] += more);
}

}  // namespace neonvm::daemon
