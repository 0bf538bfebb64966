// Private to guest/init/ext4_make: the hidden file in which an ext4 counts what its projects use (Linux, quota format v2r1).
#pragma once

struct struct_ext2_filsys;

namespace neonvm::guest {

// With the two folders that are there already counted to project 0. libext2fs' error code; 0: done.
long add_project_quota(struct_ext2_filsys* fs);

}  // namespace neonvm::guest
