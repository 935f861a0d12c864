// FileMutables: gen2's small texts that change, each a file under mutables/. docs/formats/mutables.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "os/clock.h"
#include "os/directory.h"
#include "store/session_area.h"

namespace kachery {

// A key is a path: "name" or "@folder/@folder/name". Bad ones are Code::invalid, missing ones
// Code::not_found, in the words of kachery_cloud, which scripts may look for. A value appears whole or not at
// all, and is on the disk when the call returns. Thread-safe, and safe among processes.
class FileMutables {
 public:
  // All outlive it. `own` is null where there is no store yet: then only what needs none may be called (not
  // `set`). `older` are searched after it and never changed.
  FileMutables(Directory* own, std::vector<const Directory*> older, const Clock& clock);

  Result<std::optional<std::string>> get(const std::string& key) const;
  Result<> set(const std::string& key, const std::string& value);
  // Code::denied for what an older directory has: it would still be there afterwards.
  Result<> remove(const std::string& key);
  // With everything in it. As above.
  Result<> remove_folder(const std::string& key);
  // All keys, sorted. Not what older programs kept there for themselves.
  Result<std::vector<std::string>> list() const;

 private:
  Result<> write(const std::string& path, const std::string& value);
  Result<> refuse_if_older(const std::string& key) const;

  Directory* own_;
  std::vector<const Directory*> older_;
  std::optional<SessionArea> area_;
};

}  // namespace kachery
