// Temporary: a file that is written before it gets its place by os/publish.h.
#pragma once

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "os/directory.h"

namespace kachery {

// Unless `keep` was called the file is removed when this object goes. The directory outlives it.
class Temporary {
 public:
  Temporary(Directory& root, std::string path, std::unique_ptr<File> file)
      : root_(&root), path_(std::move(path)), file_(std::move(file)) {}
  Temporary(Temporary&& other) noexcept
      : root_(other.root_),
        path_(std::exchange(other.path_, {})),
        file_(std::move(other.file_)),
        owner_(other.owner_) {}
  Temporary& operator=(Temporary&& other) noexcept;
  ~Temporary();

  const std::string& path() const { return path_; }
  File& file() { return *file_; }
  // Ends the writing; the file stays.
  void close() { file_.reset(); }
  // It got its place: nothing is left to remove.
  void keep() { path_.clear(); }

 private:
  Directory* root_;
  std::string path_;
  std::unique_ptr<File> file_;
  pid_t owner_ = ::getpid();  // A forked child has a copy of this object, not of the file.
};

}  // namespace kachery
