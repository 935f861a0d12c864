// Files as the rest of the program sees them: identity, random reads, appends, and streams of bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "core/bytes.h"
#include "core/error.h"

namespace kachery {

// What the file system says of one state of a file. Two equal stamps mean the same bytes, provided that the
// file was not changed within the resolution of its times (see store/hash_cache.h).
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  ByteCount size = 0;
  std::int64_t mtime_ns = 0;  // Since 1970, UTC.
  std::int64_t ctime_ns = 0;

  bool operator==(const FileStamp&) const = default;
};

// An open regular file. Reads are thread-safe, and so are writes at places that do not overlap; append, sync
// and clone_from belong to one thread at a time.
class File {
 public:
  virtual ~File() = default;

  // Reads up to out.size() bytes at `offset`; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(ByteCount offset, std::span<std::byte> out) const = 0;
  virtual Result<FileStamp> stamp() const = 0;

  // Sees to it that any later change shows in the stamp. A program that changes a file through a memory
  // mapping may go on writing to a page without touching the file's times, until the page is written to the
  // disk: so that is done here. False where even that does not help (file systems in memory).
  virtual bool make_changes_show() const = 0;

  // Takes the room for so many bytes at once, where the file system can, so that a full disk shows before
  // they come: Code::exhausted. The size stays what it was.
  virtual Result<> reserve(ByteCount size) = 0;
  // Only on a file that was created (os/directory.h).
  virtual Result<> append(ByteView bytes) = 0;
  // At any place; what lies between it and the file's end becomes zeros. Never mixed with append.
  virtual Result<> write_at(ByteCount offset, ByteView bytes) = 0;
  // Shares the source's blocks instead of copying them; false where the file system cannot.
  virtual Result<bool> clone_from(const File& source) = 0;
  // The bytes are on the disk when this returns. After a failure the file is lost: never sync it again.
  virtual Result<> sync() = 0;
};

// Bytes from first to last, once.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Fills `out`; fewer bytes mean that the source ended.
  virtual Result<std::size_t> read(std::span<std::byte> out) = 0;
};

// A file of the user's, opened for reading, following symbolic links. Code::invalid for a directory.
Result<std::unique_ptr<File>> open_user_file(const std::filesystem::path& path);

// Whether `path` is something to read as a stream: a pipe, a socket or a device, but no regular file.
bool is_stream(const std::filesystem::path& path);

// The whole of `file`, which outlives the source.
std::unique_ptr<ByteSource> stream_of(const File& file);

// Reads a descriptor that stays the caller's, such as standard input. While it waits it looks at `cancel` ten
// times a second, and gives Code::cancelled; `cancel` outlives the source.
std::unique_ptr<ByteSource> stream_of_descriptor(int descriptor, const std::atomic<bool>& cancel);
Result<std::unique_ptr<ByteSource>> open_stream(const std::filesystem::path& path,
                                                const std::atomic<bool>& cancel);

// Whether two files have the same bytes.
Result<bool> same_content(const File& one, const File& other);

// Fills `out` completely; Code::corrupt if the file ends before.
Result<> read_exactly(const File& file, ByteCount offset, std::span<std::byte> out);

}  // namespace kachery
