// From the world to what decide/lifecycle and decide/migration need.
#include "core/daemon/vm_pass.hpp"
#include "core/runtime/log.hpp"
#include "core/wire/model_json.hpp"

namespace neonvm::daemon {
namespace {

using decide::RunnerFacts;
using decide::RunnerWord;

RunnerFacts facts_of(const Object& object) {
  RunnerFacts facts;
  facts.name = object.name;
  facts.deleting = object.deleting.has_value();
  const auto spec = wire::decode_runner_spec(object.spec);
  const auto status = wire::decode_runner_status(object.status);
  if (!spec || !status) {
    // It may hold a QEMU all the same: it counts as one that nobody hears.
    runtime::log_warning("controller", "a runner cannot be read",
                         {{"runner", object.name}, {"error", (spec ? status.error() : spec.error()).message}});
    return facts;
  }
  facts.node = spec->node;
  facts.role = spec->role;
  if (const auto machine = wire::decode_machine_spec(spec->machine)) facts.run_dir = machine->run_dir;
  facts.phase = status->phase;
  facts.vm_ended = status->vm_ended;
  facts.endpoint = status->endpoint;
  facts.exit_reason = status->exit_reason;
  return facts;
}

RunnerWord word_from(const wire::RunnerReport& report) {
  RunnerWord word;
  word.machine = report.phase;
  word.accelerator = report.accelerator;
  word.machine_type = report.machine_type;
  word.cpus_present = report.cpus_present;
  word.cpu = report.cpu;
  word.memory = report.memory;
  word.revision = report.revision;
  word.resizing = report.resizing;
  word.guest_connected = report.guest_connected;
  word.guest_version = report.guest_version;
  word.health = report.health;
  word.clock_news = report.clock_news;
  word.clock_warning = report.clock_warning;
  word.swap = report.swap;
  word.files = report.files;
  word.notices = report.notices;
  word.migration = report.migration;
  word.incoming_address = report.incoming_address;
  return word;
}

// Something is to be asked of its runner, or waited for; other VMs are as they should be, as far as is written.
bool is_due(const VmSpec& spec, const VmStatus& status) {
  if (spec.stopped || status.phase != Phase::running) return true;
  if (spec.target_revision && spec.target_revision != status.current_revision) return true;
  if (status.swap && status.swap->asked != spec.swap.value_or(Bytes{})) return true;
  return !spec.scaling.enabled && spec.use() != Resources{status.cpu.asked, status.memory.asked};
}

}  // namespace

std::vector<Object> VmKeeper::runner_objects(const std::string& vm_uid) const {
  std::vector<Object> found;
  for (const std::string& name : tools_.runners_of(vm_uid))
    if (const Object* object = tools_.world.find(Kind::runner, name)) found.push_back(*object);
  return found;
}

std::optional<RunnerWord> VmKeeper::word_of(const std::string& runner) const {
  const auto link = links_.find(runner);
  if (link == links_.end() || !link->second.link || !link->second.link->last_report()) return std::nullopt;
  RunnerWord word = word_from(*link->second.link->last_report());
  word.fresh = link->second.fresh;
  return word;
}

// Of a pod that still waits for one there is nothing to say.
bool VmKeeper::is_known(const std::string& node) const { return node.empty() || tools_.world.find(Kind::node, node) != nullptr; }

void VmKeeper::note_object(Link& link, const RunnerFacts& facts) {
  link.was_there = true;
  link.node = facts.node;
  link.run_dir = facts.run_dir;
  link.role = facts.role;
  link.known_since = facts.known_since;
}

std::vector<RunnerFacts> VmKeeper::runner_facts(const std::string& vm_uid) {
  const auto objects = runner_objects(vm_uid);
  keep_links(objects);
  std::vector<RunnerFacts> all;
  std::map<std::string, Instant> known;
  for (const Object& object : objects) {
    RunnerFacts facts = facts_of(object);
    if (facts.name == next_name_) next_name_.clear();
    facts.node_known = is_known(facts.node);
    const auto before = known_since_.find(facts.name);
    facts.known_since = known[facts.name] = before == known_since_.end() ? tools_.loop.now() : before->second;
    const auto link = links_.find(facts.name);
    // One that has no door yet, or none any more, answers nobody.
    facts.silent = link == links_.end() || link->second.silent;
    if (link != links_.end()) note_object(link->second, facts);
    facts.word = word_of(facts.name);
    all.push_back(std::move(facts));
  }
  for (const auto& [name, link] : links_) {
    if (known.count(name) != 0) continue;
    link.link->look();
    RunnerFacts facts;
    facts.name = name;
    facts.node = link.node;
    facts.node_known = is_known(link.node);
    facts.run_dir = link.run_dir;
    facts.role = link.role;
    facts.endpoint = link.endpoint;
    facts.known_since = link.known_since;
    facts.silent = link.silent;
    facts.phase = RunnerPhase::running;
    facts.deleting = true;
    facts.word = word_of(name);
    known[name] = facts.known_since;
    all.push_back(std::move(facts));
  }
  known_since_ = std::move(known);
  return all;
}

// Its object was taken away by force, as pods are whose Node object was deleted, and it says itself that it runs the VM. Until its end is
// seen, or nothing is heard of it any more, the VM is there, and must not be started beside it.
bool VmKeeper::outlives_its_object(const Link& link) const {
  const wire::RunnerReport* word = link.link && link.fresh && link.was_there && link.link->last_report() ? &*link.link->last_report() : nullptr;
  return word != nullptr && word->phase == MachinePhase::running;
}

// A runner whose process has ended keeps its last word: a migration may still need it.
void VmKeeper::keep_links(const std::vector<Object>& runners) {
  std::map<std::string, bool> there;
  for (const Object& object : runners) {
    there[object.name] = true;
    const auto status = wire::decode_runner_status(object.status);
    if (!status) continue;
    const bool held = status->phase == RunnerPhase::starting || status->phase == RunnerPhase::running;
    if (held && !status->endpoint.empty()) connect(object.name, status->endpoint);
    const auto link = links_.find(object.name);
    // Its node may have gone silent: a connection at rest would tell that after minutes.
    if (link != links_.end() && link->second.link && std::exchange(link->second.version, object.version) != object.version) link->second.link->look();
    if (held || link == links_.end() || !link->second.link) continue;
    link->second.link->stop();
    link->second.fresh = false;
  }
  std::erase_if(links_, [this, &there](const auto& entry) { return there.count(entry.first) == 0 && !outlives_its_object(entry.second); });
}

void VmKeeper::connect(const std::string& runner, const std::string& endpoint) {
  Link& link = links_[runner];
  if (link.link && link.endpoint == endpoint) return;
  link.endpoint = endpoint;
  link.fresh = false;
  const auto changed = [this, runner](bool fresh) {
    const auto at = links_.find(runner);
    if (at == links_.end()) return;
    at->second.fresh = fresh;
    at->second.silent = !fresh;
    tools_.look_at(name_);
  };
  RunnerLink::Callbacks callbacks;
  callbacks.report = [changed](const wire::RunnerReport&) { changed(true); };
  callbacks.lost = [changed](const Error&) { changed(false); };
  RunnerLinkOptions options;
  options.credentials = credentials_from(tools_.orchestrator, name_, tools_.settings.call_limit);
  options.rest = tools_.rest;
  link.link = std::make_unique<RunnerLink>(tools_.loop, endpoint, options, std::move(callbacks));
  link.link->start();
}

bool VmKeeper::read(Pass& pass) {
  if (const Object* object = tools_.world.find(Kind::virtual_machine, name_)) {
    auto spec = wire::decode_vm_spec(*object);
    auto status = wire::decode_vm_status(object->status);
    if (!spec || !status) {
      say_unreadable(spec ? status.error() : spec.error());
      return false;
    }
    unreadable_.clear();
    pass.vm = *object;
    pass.spec = std::move(*spec);
    pass.status = std::move(*status);
    pass.runners = runner_facts(object->uid);
    if (!std::exchange(recalled_, true)) tries_ = decide::recalled(pass.status, tools_.loop.now(), tools_.loop.wall());
  }
  pick_migration(pass);
  if (pass.migration || !pass.vm || pass.vm->deleting || is_due(pass.spec, pass.status)) {
    for (const auto& [runner, link] : links_)
      if (link.link) link.link->hurry();
  }
  return pass.vm || pass.migration;
}

// On the object itself: whoever wrote it does not read our log.
void VmKeeper::say_unreadable(const Error& error) {
  if (std::exchange(unreadable_, error.message) == error.message) return;
  runtime::log_error("controller", "a VM cannot be read; it is left as it is", {{"vm", name_}, {"error", error.message}});
  Event event;
  event.warning = true;
  event.reason = "Unreadable";
  event.message = error.message + "; it is left as it is until that is mended";
  record({event}, Kind::virtual_machine, name_, 0);
}

// One that has begun comes first, then one that waits to be let go, then the one that was asked for first.
void VmKeeper::pick_migration(Pass& pass) {
  int best = 0;
  for (const std::string& name : tools_.migrations_of(name_)) {
    const Object* found = tools_.world.find(Kind::migration, name);
    if (found == nullptr) continue;
    const Object& object = *found;
    auto spec = wire::decode_migration_spec(object.spec);
    auto status = wire::decode_migration_status(object.status);
    if (!spec || !status || spec->vm != name_) continue;
    const bool over = decide::is_over(status->phase);
    if (over && !(object.deleting && object.finalizer)) continue;
    const int rank = status->phase == MigrationPhase::running ? 3 : over ? 2 : 1;
    if (rank < best || (rank == best && pass.migration && object.created >= pass.migration->created)) continue;
    best = rank;
    pass.migration = object;
    pass.move_spec = std::move(*spec);
    pass.move_status = std::move(*status);
  }
  if (!pass.migration) return moving_.reset();
  if (moving().uid == pass.migration->uid) return;
  *moving_ = {};
  moving_->uid = pass.migration->uid;
  moving_->progressed = tools_.loop.now();
}

decide::LifecycleFacts VmKeeper::lifecycle_facts(const Pass& pass) {
  decide::LifecycleFacts facts;
  facts.name = name_;
  facts.spec = pass.spec;
  facts.status = pass.status;
  facts.finalizer = pass.vm->finalizer;
  facts.deleting = pass.vm->deleting.has_value();
  facts.runners = pass.runners;
  if (pass.move && pass.move->holds_vm) {
    facts.migrating = true;
    facts.migrating_phase = pass.move->vm_phase;
    facts.migration = pass.migration->name;
    facts.migration_source = pass.move_status.source_runner;
    facts.runs_at = pass.move->runs_at;
  }
  facts.fresh_name = next_name();
  facts.size_why = size_why_;
  facts.tend_why = tend_why_;
  facts.tries = tries_;
  facts.now = tools_.loop.now();
  facts.wall = tools_.loop.wall();
  return facts;
}

VmKeeper::Moving& VmKeeper::moving() {
  if (!moving_) moving_ = std::make_unique<Moving>();
  return *moving_;
}

decide::MigrationFacts VmKeeper::migration_facts(Pass& pass) {
  note_progress(pass);
  decide::MigrationFacts facts;
  facts.name = pass.migration->name;
  facts.spec = pass.move_spec;
  facts.status = pass.move_status;
  facts.finalizer = pass.migration->finalizer;
  facts.deleting = pass.migration->deleting.has_value();
  facts.vm_exists = pass.vm.has_value();
  facts.vm_deleting = pass.vm && pass.vm->deleting.has_value();
  facts.vm_stopped = pass.spec.stopped;
  facts.vm_phase = pass.status.phase;
  facts.vm_runner = pass.status.runner;
  facts.runners = pass.runners;
  facts.fresh_name = fresh_name();
  facts.refused = moving().refused;
  facts.reserved_node = moving().reserved_node;
  facts.copies = moving().copies;
  facts.source_heard = moving().source_heard;
  facts.never_ran = moving().never_ran;
  facts.began = moving().began.value_or(tools_.loop.now());
  facts.progressed = moving().progressed;
  facts.order_due = moving().order_due;
  facts.now = tools_.loop.now();
  facts.wall = tools_.loop.wall();
  return facts;
}

void VmKeeper::note_progress(const Pass& pass) {
  if (pass.move_status.phase == MigrationPhase::running && !moving().began) moving().began = tools_.loop.now();
  const RunnerFacts* source = decide::holder_of(pass.runners, pass.move_status.source_runner);
  if (source == nullptr || !source->word) return;
  moving().source_heard |= moving().copies > 0 && source->word->fresh;
  const MigrationReport& report = source->word->migration;
  const std::string position = std::string(to_string(report.state)) + " " + std::to_string(report.progress.transferred.value) +
                               " " + std::to_string(report.progress.remaining.value);
  if (position != moving().last_position) moving().progressed = tools_.loop.now();
  moving().last_position = position;
}

}  // namespace neonvm::daemon
