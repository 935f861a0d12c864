// InputBuffer: what has been read from a peer and not been used. Small while nothing comes, so that ten
// thousand idle connections cost little; large for bodies.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "core/bytes.h"

namespace kachery {

// Not thread-safe. What bytes() gives is valid until room() or shrink().
class InputBuffer {
 public:
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(memory_.get()) + begin_, end_ - begin_};
  }
  void consume(std::size_t size) { begin_ += size; }

  // Where to read to: at least one byte, in a buffer of `size` bytes at least.
  std::span<std::byte> room(std::size_t size) {
    const std::string_view kept = bytes();
    if (size > size_) {
      auto larger = std::make_unique_for_overwrite<std::byte[]>(size);
      if (!kept.empty()) std::memcpy(larger.get(), kept.data(), kept.size());
      memory_ = std::move(larger);
      size_ = size;
    } else if (begin_ > 0 && !kept.empty()) {
      std::memmove(memory_.get(), kept.data(), kept.size());
    }
    end_ = kept.size();
    begin_ = 0;
    return {memory_.get() + end_, size_ - end_};
  }
  void add(std::size_t size) { end_ += size; }

  // Gives memory back where nothing is kept.
  void shrink(std::size_t size) {
    if (size_ <= size || begin_ != end_) return;
    memory_.reset();
    begin_ = end_ = size_ = 0;
  }

 private:
  std::unique_ptr<std::byte[]> memory_;
  std::size_t size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kachery
