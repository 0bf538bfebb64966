/* The same file that outsiders build as a library, linked in under a name of its own. */
#define neonvm_plugin_v1 neonvm_plugin_v1_policy_tiny
#include "tests/core/plugin/outside/tiny_plugin.c"
