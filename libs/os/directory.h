// Directory: one tree on this machine behind one seam, so that every failure can be tried.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "os/file.h"

namespace kachery {

enum class EntryKind { file, directory, other };

struct Entry {
  std::string name;
  EntryKind kind;
};

enum class Replace { no, yes };

// Who may open a new file for writing later: nobody, or whoever may write to the root.
enum class Access { read_only, writable };

// How a lock is held: by one, or by any number of those who share it.
enum class Hold { alone, shared };

// Held for as long as the object lives; given back by the kernel when the process ends.
class Lock {
 public:
  virtual ~Lock() = default;
};

// The few operations that the store is made of. Paths are relative, made of plain names ("sha1/ab/x"), and
// never leave the root: no step of them may be a symbolic link. Each call is one step that may fail, and that
// a power cut may undo unless a sync_ followed; os/publish.h says in which order they make something durable.
// Thread-safe. Missing things are Code::not_found.
class Directory {
 public:
  virtual ~Directory() = default;

  // Where it is, for messages and for paths that are handed out.
  virtual std::string name() const = 0;

  virtual Result<std::unique_ptr<File>> open(const std::string& path) const = 0;
  // A new file, readable as widely as the root is.
  virtual Result<std::unique_ptr<File>> create(const std::string& path, Access access) = 0;
  // A file that was created with Access::writable, to go on writing it.
  virtual Result<std::unique_ptr<File>> reopen(const std::string& path) = 0;
  // From now on nobody opens it for writing: as if it had been created with Access::read_only.
  virtual Result<> forbid_writing(const std::string& path) = 0;
  virtual Result<FileStamp> stamp(const std::string& path) const = 0;
  virtual Result<std::vector<Entry>> list(const std::string& path) const = 0;

  // Code::exists if it is there.
  virtual Result<> make_directory(const std::string& path) = 0;
  // Atomic. With Replace::no, Code::exists if `to` is there.
  virtual Result<> rename(const std::string& from, const std::string& to, Replace replace) = 0;
  virtual Result<> remove(const std::string& path) = 0;
  // An empty directory.
  virtual Result<> remove_directory(const std::string& path) = 0;
  // Sets the access time to now (and so the change time): "somebody still wants this".
  virtual Result<> touch(const std::string& path) = 0;
  // Sets the modification time, nanoseconds since 1970, and the access time to now.
  virtual Result<> set_modified(const std::string& path, std::int64_t mtime_ns) = 0;

  // Removes what calls of killed processes left under names that nobody looks at.
  virtual void remove_leftovers() = 0;

  // Makes the entries of one directory durable ("" is the root).
  virtual Result<> sync_directory(const std::string& path) = 0;
  // Makes the whole tree durable at once: two of these are cheaper than thousands of the others. Only where
  // the file system is known to wait for everything and to report failures.
  virtual bool can_sync_all() const = 0;
  virtual Result<> sync_all() = 0;

  // Takes the lock file at `path`, making it if need be; Code::unavailable at once if somebody holds it in a
  // way that does not go with `hold`. Some network file systems have no locks, or none that other hosts see:
  // there everybody gets it. Who holds it alone may remove the file before giving it back.
  virtual Result<std::unique_ptr<Lock>> lock(const std::string& path, Hold hold) = 0;
};

enum class Missing { fail, create };

// The tree at `root`, which may itself be reached through symbolic links. With Missing::create it is made,
// with its parents, durably.
Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& root, Missing missing);

// Who may read something new: whoever may read what it lies in, or only those who may write to that.
enum class Audience { readers, writers };

// Makes a directory, with the parents that are missing, durably. Only we may write to those it makes,
// whatever the umask, and with Audience::writers nobody else may read them. Does nothing where it is there
// already.
Result<> make_own_directory(const std::filesystem::path& path, Audience audience);

// Makes an empty file that everybody who may write to its directory may write to, whatever the umask; does
// nothing where it is there already or cannot be made.
void create_shared_file(const std::filesystem::path& path, Audience audience);

// Whether times and locks there can be relied on: not so on NFS, SMB and other network file systems.
bool is_network_file_system(const std::filesystem::path& path);

}  // namespace kachery
