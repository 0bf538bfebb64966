/* tiny: a whole scaling policy in C. As many CPUs as tasks want to run, twice the memory that is in use. */
#include <stdio.h>

#include "neonvm_plugin.h"

static int32_t tiny_open(const neonvm_open_args* args, void** plugin, neonvm_error* error) {
  if (args->option_count > 0) {
    snprintf(error->message, sizeof error->message, "tiny has no settings");
    return NEONVM_E_INVALID_ARGUMENT;
  }
  *plugin = NULL; /* nothing is kept between calls */
  return NEONVM_OK;
}

static void tiny_close(void* plugin) { (void)plugin; }

static int32_t tiny_decide(void* plugin, const neonvm_policy_input* in, neonvm_goal* goal, neonvm_error* error) {
  (void)plugin;
  (void)error;
  goal->wish = in->using_now;
  if (in->sample_count == 0) {
    goal->complete = 0;
    return NEONVM_OK;
  }
  const neonvm_sample* newest = neonvm_sample_at(in, in->sample_count - 1);
  if (newest->runnable >= 0 && newest->runnable < 4096) goal->wish.milli_cpu = (uint32_t)(newest->runnable * 1000);
  if (newest->memory_total != NEONVM_UNKNOWN && newest->memory_available != NEONVM_UNKNOWN) {
    goal->wish.memory = 2 * (newest->memory_total - newest->memory_available);
  }
  goal->because_count = 1;
  snprintf(goal->because[0].rule, NEONVM_RULE_SIZE, "tiny");
  snprintf(goal->because[0].text, NEONVM_REASON_SIZE, "%.0f tasks want to run", newest->runnable);
  return NEONVM_OK;
}

static const neonvm_policy_table table = {sizeof table, tiny_decide};

const neonvm_plugin_descriptor* neonvm_plugin_v1(void) {
  static const neonvm_plugin_descriptor descriptor = {
      sizeof descriptor, NEONVM_ABI_MAJOR, NEONVM_ABI_MINOR, NEONVM_KIND_POLICY,
      "tiny",            "1.0",            tiny_open,        tiny_close,         &table};
  return &descriptor;
}
