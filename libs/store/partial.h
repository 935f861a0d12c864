// Partial: a file while it is fetched, kept so that an interrupted fetch goes on where it was.
// docs/formats/store.md.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/digest.h"
#include "core/progress.h"
#include "os/clock.h"
#include "os/directory.h"

namespace kachery {

// partial/<digest>/, which nobody else works in for as long as this object lives. Nothing in it is to be
// believed: it may be what a crash left. note() and has() are thread-safe, as is the file where writes do not
// overlap. The root outlives it.
class Partial {
 public:
  // Waits while somebody else has it. Code::cancelled.
  static Result<std::unique_ptr<Partial>> open(Directory& root, const Digest& digest,
                                               const Progress& progress);
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;
  ~Partial();

  // What was fetched by this `manifest` before, any text, is there; of anything else nothing is.
  Result<> begin(const std::string& manifest, std::size_t chunks);
  // As begin(), but nothing is there.
  Result<> begin_anew(const std::string& manifest, std::size_t chunks);

  // Which text what is there was fetched by; empty: nothing is there.
  std::string manifest() const;

  File& data() { return *data_; }
  // Whether a chunk was noted as fetched.
  bool has(std::size_t chunk) const;
  Result<> note(std::size_t chunk);

  // Removes everything.
  void discard();

 private:
  friend class Store;
  Partial(Directory& root, std::string folder) : root_(root), folder_(std::move(folder)) {}

  std::string data_path() const { return folder_ + "/data"; }
  std::unique_ptr<File> take_data() { return std::move(data_); }
  Result<> reopen(std::size_t chunks);

  Directory& root_;
  std::string folder_;
  std::unique_ptr<Lock> lock_;
  std::unique_ptr<File> data_;
  std::unique_ptr<File> bitmap_;
  mutable std::mutex mutex_;
  std::vector<std::byte> bits_;
};

// Removes what nobody has gone on with for a week.
void reap_partials(Directory& root, const Clock& clock);

}  // namespace kachery
