#include "os/temporary.h"

namespace kachery {

Temporary& Temporary::operator=(Temporary&& other) noexcept {
  std::swap(root_, other.root_);
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  std::swap(owner_, other.owner_);
  return *this;
}

Temporary::~Temporary() {
  if (!path_.empty() && owner_ == ::getpid()) static_cast<void>(root_->remove(path_));
}

}  // namespace kachery
