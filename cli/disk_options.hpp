// disk_options: the words of `neonvm run` for disks, memory folders and files, as the VM's spec has them.
//
//   --disk      NAME=SIZE:/path[,ro][,discard][,quota]      NAME=FILE.qcow2:/path[,ro]
//   --tmpfs     [NAME=]SIZE:/path
//   --configmap [NAME=]SOURCE:/path[,once][,optional][,mode=0644]       SOURCE: a stored name, or a file or folder here
//   --secret    the same; mode 0400 unless said
//
// Pure but for looking which files are there. Failure: invalid_argument with the option, the word and how to write it.
#pragma once

#include <string>
#include <vector>

#include "core/model/result.hpp"
#include "core/model/vm.hpp"

namespace neonvm::cli {

struct DiskOptions {
  std::vector<std::string> disks, tmpfs, configmaps, secrets, sysctl;
  std::string swap;
};

Status read_disk_options(const DiskOptions& options, VmSpec& spec);

}  // namespace neonvm::cli
