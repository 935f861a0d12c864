// Zone: one zone of a hub, as transfers to and from it see it; and what they share.
#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/throttle.h"
#include "core/names.h"
#include "core/progress.h"
#include "remote/hub.h"
#include "wire/sizes.h"

namespace kachery {

// How many requests of one transfer go on at a time.
constexpr std::size_t kConnections = 4;

// Small files go many in one body, up to so many bytes or files, which become durable together on the other
// side. So many bodies go on at a time, one on the way while another is hashed and written; they are in
// memory twice each.
constexpr ByteCount kBatchBytes = 8 << 20;
constexpr std::size_t kBatchFiles = 2'048;
constexpr std::size_t kBatchesAtOnce = 2;
static_assert(kBatchBytes <= wire::kSmallBodyBytes && kBatchFiles <= wire::kSmallFilesMax);

// Cut into bodies, in this order.
template <class File>
std::vector<std::span<const File>> batches_of(std::span<const File> files, auto&& size_of) {
  std::vector<std::span<const File>> batches;
  for (std::size_t begin = 0, end = 0; begin < files.size(); begin = end) {
    for (ByteCount bytes = 0; end < files.size() && end - begin < kBatchFiles; ++end) {
      bytes += size_of(files[end]);
      if (end > begin && bytes > kBatchBytes) break;
    }
    batches.push_back(files.subspan(begin, end - begin));
  }
  return batches;
}

// Thread-safe. The hub outlives it.
struct Zone {
  remote::Hub& hub;
  ZoneName name;
  // To and from this channel of it only. None: uploads go to the zone, and what is asked for may come from
  // the zone or any channel of this node.
  std::optional<ChannelName> channel = {};
  Throttle* uploads = nullptr;  // What is sent waits for it; it outlives the zone.

  // For messages: "zone default of https://hub.example", "channel rats in the zone ...".
  std::string str() const {
    const std::string zone = "zone " + name.str() + " of " + hub.url().str();
    return channel ? "channel " + channel->str() + " in the " + zone : zone;
  }

  // In the order of `digests`; none where there is nothing that this node may have.
  Result<std::vector<std::optional<wire::FoundFile>>> find(std::span<const Digest> digests,
                                                           const std::atomic<bool>& cancel) const;
};

// "sha1://HASH", for messages.
std::string name_of(const Digest& digest);

// What went wrong with some files of a batch, while the others went on. Thread-safe.
class Failures {
 public:
  // False if the others cannot go on either: the hub is gone, the disk is full, the user has had enough.
  bool add(const std::string& name, const Error& error);
  // Takes what became of one file: an error only if the others cannot go on either.
  Result<> take(const std::string& name, const Result<>& outcome);

  // The first failure, and how many of `total` there were.
  Result<> result(std::size_t total) const;

 private:
  mutable std::mutex mutex_;
  std::optional<Error> first_;
  std::size_t count_ = 0;
};

}  // namespace kachery
