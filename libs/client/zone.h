// Zone: one zone of a hub, as transfers to and from it see it; and what they share.
#pragma once

#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/names.h"
#include "core/progress.h"
#include "remote/hub.h"

namespace kachery {

// How many requests of one transfer go on at a time.
constexpr std::size_t kConnections = 4;

// Thread-safe. The hub outlives it.
struct Zone {
  remote::Hub& hub;
  ZoneName name;

  // For messages: "zone default of https://hub.example".
  std::string str() const { return "zone " + name.str() + " of " + hub.url().str(); }

  // In the order of `digests`; none where the zone has nothing that this node may have.
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
