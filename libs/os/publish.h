// Publishing: how finished temporary files become visible, all or none acknowledged, durable when
// acknowledged.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "os/directory.h"

namespace kachery {

struct Publication {
  std::string temporary;  // Written, complete, and by nobody changed any more.
  std::string path;       // Where it is to appear. Its directories are made.
  Replace replace = Replace::no;
};

enum class Published { created, existed };

// How a batch is made durable: file by file, or by two syncs of the whole file system.
enum class Sync { each, together };

// What is cheaper for `count` files, where the file system can. docs/decisions/0003-durability.md.
Sync sync_for(const Directory& root, std::size_t count);

// Renames each temporary to its path, and makes all of it durable before it returns. With Sync::each the
// caller has synced every temporary (File::sync); then come the renames, then every directory from the file's
// up to the root, because another process may have made one of them a moment ago and not synced it yet. With
// Sync::together the whole file system is synced before and after the renames. A path that existed
// (Replace::no) is left alone, and its temporary stays for the caller to look at. After a failure some paths
// may be visible, whole; none is acknowledged.
Result<std::vector<Published>> publish(Directory& root, std::span<const Publication> publications, Sync sync,
                                       std::size_t threads);

// Makes files that somebody else wrote durable, with the directories above them.
Result<> make_durable(Directory& root, std::span<const std::string> paths, Sync sync);

// "a/b" for "a/b/c", "" for "c".
std::string parent_of(const std::string& path);

}  // namespace kachery
