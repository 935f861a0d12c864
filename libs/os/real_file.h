// A regular file on the disk. Inside os/ only.
#pragma once

#include <string>

#include "os/fd.h"
#include "os/file.h"

namespace kachery {

class RealFile final : public File {
 public:
  // `name` is how messages call it.
  RealFile(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}

  Result<std::size_t> read_at(ByteCount offset, std::span<std::byte> out) const override;
  Result<FileStamp> stamp() const override;
  bool make_changes_show() const override;
  Result<> reserve(ByteCount size) override;
  Result<> append(ByteView bytes) override;
  Result<> write_at(ByteCount offset, ByteView bytes) override;
  Result<bool> clone_from(const File& source) override;
  Result<> sync() override;

 private:
  void leave_page_cache_alone(bool direct);

  Fd fd_;
  std::string name_;
  bool direct_ = false;
  bool direct_possible_ = true;
  ByteCount size_ = 0;          // Of what was appended.
  ByteCount written_back_ = 0;  // Up to here the kernel was asked to begin writing to the disk.
};

// For a message about a full disk: how much was wanted (0: unknown) and how much is free where the descriptor
// is. Empty for every other code.
std::string space_note(int descriptor, Code code, ByteCount wanted);

// Code::invalid unless it is a regular file.
Result<FileStamp> stamp_of_descriptor(int descriptor, const std::string& name);

}  // namespace kachery
