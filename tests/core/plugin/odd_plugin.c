/* Plugins that a catalog must refuse, one a build: each is a policy that is fine but for one thing, which a definition
 * from CMakeLists.txt takes away. */
#include "core/plugin/neonvm_plugin.h"

#ifndef ODD_MAJOR
#define ODD_MAJOR NEONVM_ABI_MAJOR
#endif
#ifndef ODD_MINOR
#define ODD_MINOR NEONVM_ABI_MINOR
#endif
#ifndef ODD_KIND
#define ODD_KIND NEONVM_KIND_POLICY
#endif
#ifndef ODD_SIZE
#define ODD_SIZE sizeof(neonvm_plugin_descriptor)
#endif
#ifndef ODD_TABLE_SIZE
#define ODD_TABLE_SIZE sizeof(neonvm_policy_table)
#endif
#ifndef ODD_DECIDE
#define ODD_DECIDE odd_decide
#endif
#ifndef ODD_NAME
#define ODD_NAME "odd"
#endif
#ifndef ODD_TABLE
#define ODD_TABLE &table
#endif
#ifndef ODD_DESCRIPTOR
#define ODD_DESCRIPTOR &descriptor
#endif
#ifndef ODD_GETTER
#define ODD_GETTER neonvm_plugin_v1
#endif

int32_t odd_decide(void* plugin, const neonvm_policy_input* in, neonvm_goal* goal, neonvm_error* error);
int32_t odd_decide(void* plugin, const neonvm_policy_input* in, neonvm_goal* goal, neonvm_error* error) {
  (void)plugin;
  (void)in;
  (void)goal;
  error->message[0] = '\0';
  return 77; /* no code of neonvm's */
}

static int32_t odd_open(const neonvm_open_args* args, void** plugin, neonvm_error* error) {
  (void)args;
  (void)plugin;
  (void)error;
  return NEONVM_OK;
}

static void odd_close(void* plugin) { (void)plugin; }

const neonvm_policy_table table;
const neonvm_policy_table table = {ODD_TABLE_SIZE, ODD_DECIDE};
const neonvm_plugin_descriptor descriptor;
const neonvm_plugin_descriptor descriptor = {ODD_SIZE, ODD_MAJOR, ODD_MINOR, ODD_KIND,
                                             ODD_NAME, "0",       odd_open,  odd_close, ODD_TABLE};

NEONVM_EXPORT const neonvm_plugin_descriptor* ODD_GETTER(void);
const neonvm_plugin_descriptor* ODD_GETTER(void) { return ODD_DESCRIPTOR; }
