#include "core/daemon/biller.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/daemon/metric_families.hpp"
#include "core/daemon/vm_metrics.hpp"
#include "core/runtime/log.hpp"
#include "core/runtime/unique_fd.hpp"
#include "core/wire/model_json.hpp"
#include "core/wire/wall_time.hpp"

namespace neonvm::daemon {
namespace {

std::string file_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

Status replace_file(const std::string& path, const std::string& text) {
  const auto failed = [&path](int number) { return Error{Code::internal, path + ": " + std::strerror(number)}; };
  const std::string half = path + ".new";
  {
    const runtime::UniqueFd file(::open(half.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return failed(errno);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(file.get()) != 0) return failed(errno);
  }
  if (::rename(half.c_str(), path.c_str()) != 0) return failed(errno);
  const runtime::UniqueFd folder(::open(path.substr(0, path.rfind('/')).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder && ::fsync(folder.get()) == 0 ? Status{} : Status(failed(errno));
}

// The newer of the book's own file and what the last batch carries, written as the file.
Result<wire::SavedUsage> recover(EventSpool& spool, const std::string& path) {
  wire::SavedUsage found;
  if (const std::string own = file_text(path); !own.empty()) {
    auto read = wire::decode_saved_usage(own);
    if (!read) return read.error().at(path);
    found = std::move(*read);
  }
  auto note = spool.last_note();
  if (!note) return note.error();
  if (!note->empty()) {
    auto carried = wire::decode_saved_usage(*note);
    if (!carried) return carried.error().at("the last batch");
    if (carried->window > found.window) {
      found = std::move(*carried);
      if (auto written = replace_file(path, *note); !written) return written.error();
    }
  }
  return found;
}

std::int64_t micros(Instant at) { return std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count(); }

}  // namespace

Biller::Biller(runtime::Loop& loop, const World& world, runtime::MetricsRegistry& metrics, std::shared_ptr<EventSpool> spool,
               BillerSettings settings, std::function<void()> committed)
    : loop_(loop), world_(world), metrics_(metrics), spool_(std::move(spool)), settings_(std::move(settings)),
      committed_(std::move(committed)), boot_(boot_id()) {}

Biller::~Biller() = default;

void Biller::start(World& world) {
  metrics_.counter(families::event_refusals, {"billing"});
  collected_ = metrics_.at_scrape([this](std::vector<runtime::MetricSample>& out) {
    for (const auto& [labels, vms] : vms_by_kind()) out.push_back({&families::up_billing_vms, labels, static_cast<double>(vms)});
  });
  subscriptions_.push_back(world.listen(Kind::virtual_machine, [this](const Change& change) {
    if (change.kind == ChangeKind::synced) return begin();
    changed(change);
  }));
  read_book();
}

void Biller::read_book() {
  loop_.off_loop([spool = spool_, path = settings_.book_file] { return recover(*spool, path); },
                 [this, weak = std::weak_ptr(alive_)](Result<wire::SavedUsage> found) {
                   if (weak.expired()) return;
                   if (!found) {
                     // To begin anew would be to bill something twice, or never: a person has to say.
                     runtime::log_error("billing", "its book cannot be read; move it away to begin a new one", {{"why", found.error().message}});
                     charge_timer_ = loop_.after(settings_.accumulate, [this] { read_book(); });
                     return;
                   }
                   saved_ = std::move(*found);
                   read_ = true;
                   begin();
                 });
}

void Biller::begin() {
  if (running_ || !read_ || !world_.synced(Kind::virtual_machine)) return;
  running_ = true;
  const Instant now = loop_.now();
  std::map<decide::UsageKey, decide::UsageAccount> accounts;
  const bool same_boot = saved_.boot == boot_;
  for (const wire::SavedAccount& saved : saved_.accounts) {
    const Instant at = same_boot ? Instant(std::chrono::microseconds(saved.at_us)) : now;
    accounts[{saved.vm_uid, saved.endpoint}] = {saved.size, at, saved.cpu, saved.memory, saved.active};
  }
  saved_.accounts.clear();
  saved_.boot = boot_;
  if (saved_.window_began == WallTime{}) saved_.window_began = loop_.wall();
  book_ = decide::UsageBook(std::move(accounts));
  std::map<decide::UsageKey, Resources> sizes;
  for (const auto& [name, object] : world_.all(Kind::virtual_machine)) {
    const auto bill = billed(object);
    if (!bill) continue;
    keys_[name] = bill->first;
    sizes[bill->first] = bill->second;
  }
  book_.resume(sizes, now);
  spool_->release();
  committed_();
  charge_timer_ = loop_.after(settings_.accumulate, [this] { charge(); });
  write();
}

std::optional<std::pair<decide::UsageKey, Resources>> Biller::billed(const Object& vm) const {
  const auto status = wire::decode_vm_status(vm.status);
  if (!status || !is_alive(status->phase) || status->cpu.actual.value == 0) return std::nullopt;
  if (!settings_.node.empty() && status->node != settings_.node) return std::nullopt;
  const auto annotation = vm.annotations.find(billing_annotation);
  if (annotation == vm.annotations.end() && !settings_.everybody) return std::nullopt;
  return std::pair(decide::UsageKey{vm.uid, annotation == vm.annotations.end() ? vm.name : annotation->second},
                   Resources{status->cpu.actual, status->memory.actual});
}

void Biller::changed(const Change& change) {
  if (!running_) return;
  const Instant now = loop_.now();
  const auto before = keys_.find(change.object.name);
  const auto bill = change.kind == ChangeKind::deleted ? std::nullopt : billed(change.object);
  if (!bill && before == keys_.end()) return;
  if (before != keys_.end() && (!bill || bill->first != before->second)) {
    book_.set(before->second, std::nullopt, now);
    keys_.erase(before);
  }
  if (bill) {
    const auto account = book_.accounts().find(bill->first);
    const bool news = account == book_.accounts().end() || account->second.size != bill->second;
    keys_[change.object.name] = bill->first;
    if (!news) return;
    book_.set(bill->first, bill->second, now);
  }
  write();
}

void Biller::charge() {
  charge_timer_ = loop_.after(settings_.accumulate, [this] { charge(); });
  if (pending_) return write();
  const auto charges = book_.charge(loop_.now());
  const WallTime now = loop_.wall();
  if (charges.empty()) {
    saved_.window_began = now;
    return;
  }
  for (const auto& [labels, vms] : vms_by_kind()) metrics_.counter(families::up_billing_processed, labels).add(vms);
  Pending pending{events_of(charges, now), ""};
  ++saved_.window;
  saved_.window_began = now;
  pending.book = book_text();
  pending_ = std::move(pending);
  write();
}

std::vector<std::string> Biller::events_of(const std::vector<decide::Charge>& charges, WallTime now) const {
  const std::size_t each = settings_.memory_metric.empty() ? 2 : 3, count = charges.size() * each;
  std::vector<std::string> lines;
  const std::string key = wire::rfc3339(now) + "-" + settings_.host + "-";
  const auto add = [&](const decide::Charge& charge, const std::string& metric, std::uint64_t value) {
    const std::string number = std::to_string(lines.size() + 1) + "/" + std::to_string(count);
    lines.push_back(wire::encode(wire::UsageEvent{key + number, metric, charge.key.endpoint, saved_.window_began, now, value}));
  };
  for (const decide::Charge& charge : charges) {
    add(charge, settings_.cpu_metric, charge.cpu_seconds);
    add(charge, settings_.active_metric, charge.active_seconds);
    if (each == 3) add(charge, settings_.memory_metric, charge.memory_mib_seconds);
  }
  return lines;
}

std::string Biller::book_text() const {
  wire::SavedUsage all = saved_;
  for (const auto& [key, account] : book_.accounts())
    all.accounts.push_back({key.vm_uid, key.endpoint, account.size, micros(account.at), account.cpu, account.memory, account.active});
  return wire::encode(all);
}

// The batch first; the book's file never says more than what the disk has.
void Biller::write() {
  dirty_ = true;
  if (writing_) return;
  writing_ = true;
  dirty_ = false;
  write_timer_.cancel();
  if (!pending_) book_.advance(loop_.now());
  loop_.off_loop(
      [spool = spool_, pending = pending_, book = pending_ ? std::string() : book_text(), path = settings_.book_file, now = loop_.wall()]() -> Written {
        if (!pending) return {false, replace_file(path, book)};
        if (auto committed = spool->commit(pending->book, pending->lines, now); !committed) return {false, committed.error()};
        // From here on it is charged, whatever happens.
        return {true, replace_file(path, pending->book)};
      },
      [this, weak = std::weak_ptr(alive_)](const Written& done) {
        if (!weak.expired()) written(done);
      });
}

void Biller::written(const Written& done) {
  writing_ = false;
  if (done.committed) {
    pending_.reset();
    release_due_ = dirty_ = true;
  }
  if (!done.status) {
    metrics_.counter(families::event_refusals, {"billing"}).add();
    if (told_ != done.status.error().message) runtime::log_error("billing", "cannot be written down; it counts on", {{"why", done.status.error().message}});
    told_ = done.status.error().message;
  } else {
    told_.clear();
    if (std::exchange(release_due_, false)) {
      spool_->release();
      committed_();
    }
    if (dirty_) return write();
  }
  const bool idle = done.status && book_.accounts().empty();
  if (!idle) write_timer_ = loop_.after(settings_.write_again, [this] { write(); });
}

std::map<std::vector<std::string>, int> Biller::vms_by_kind() const {
  std::map<std::vector<std::string>, int> count;
  for (const auto& [name, key] : keys_) {
    const Object* vm = world_.find(Kind::virtual_machine, name);
    const auto spec = vm == nullptr ? Result<VmSpec>(Error{Code::not_found, name}) : wire::decode_vm_spec(*vm);
    const auto status = vm == nullptr ? Result<VmStatus>(Error{Code::not_found, name}) : wire::decode_vm_status(vm->status);
    if (!spec || !status) continue;
    ++count[{vm->labels.count(endpoint_label) != 0 ? "true" : "false", spec->scaling.enabled ? "true" : "false", to_string(status->phase)}];
  }
  return count;
}

}  // namespace neonvm::daemon
