// Mutables: gen1's small values that change, by a JSON key, in mutables.db. docs/formats/mutables.md.
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "db/database.h"
#include "os/directory.h"

namespace kachery {

struct Mutable {
  std::string key;    // Canonical JSON.
  std::string value;  // JSON, as whoever set it wrote it.
};

// What becomes of a value that is there already.
enum class Existing { keep, replace };

// Keys and values are JSON texts. Two texts are one key if their canonical forms are equal; integers in keys
// are therefore within +-(2^53-1). Code::invalid for what is not strict JSON, and for a null at the top.
// Code::denied for the keys under which gen1 kept secrets: nobody gets them, changes them or sees them
// listed.
//
// A change is on the disk when the call returns. Any number of processes and threads may use one file, gen1's
// daemon among them. Nothing is made before the first change.
class Mutables {
 public:
  // The database lies, or will lie, in `directory`, which is made for `audience` if it is missing. Those in
  // `older`, of older programs, are searched after it and never changed; what is deleted from them is
  // remembered as deleted in ours.
  Mutables(std::filesystem::path directory, Audience audience, std::vector<std::filesystem::path> older)
      : directory_(std::move(directory)), audience_(audience), older_(std::move(older)) {}

  Result<std::optional<std::string>> get(std::string_view key);
  // Whether it was set: not with Existing::keep where there is one.
  Result<bool> set(std::string_view key, std::string_view value, Existing existing);
  // Whether there was one.
  Result<bool> remove(std::string_view key);
  // By key.
  Result<std::vector<Mutable>> list();

 private:
  Result<Database*> open(Missing missing);
  Result<std::optional<std::string>> find_older(const std::string& sha1) const;

  std::filesystem::path directory_;
  Audience audience_;
  std::vector<std::filesystem::path> older_;
  std::mutex mutex_;
  std::optional<Database> database_;
};

}  // namespace kachery
