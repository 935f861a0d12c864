// Fd: an open file descriptor, closed once. Inside os/ only.
#pragma once

#include <unistd.h>

#include <utility>

namespace kachery {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int value) : value_(value) {}
  Fd(Fd&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      value_ = std::exchange(other.value_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return value_; }
  bool is_open() const { return value_ >= 0; }

 private:
  void reset() {
    if (value_ >= 0) ::close(value_);
    value_ = -1;
  }

  int value_ = -1;
};

}  // namespace kachery
