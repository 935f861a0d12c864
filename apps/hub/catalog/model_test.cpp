// Random calls by several users, to a zone and to a channel of it, against a simple model: what is visible to
// whom, what is counted, and that no chunk that a file needs is ever given away.
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "hub/catalog/upload_fixture.h"

namespace kachery::hub {
namespace {

// The texts of files: few, so that users meet. The second half are large files that share chunks.
const std::vector<std::string> kWhole{"", "a", "bb", "ccc"};
const std::vector<Large> kLarge{Large({"one", "two"}), Large({"two", "three", "two"}), Large({"one", "four"}),
                                Large({"six", "ten"}, sha1_of("onetwo"))};  // The last is a lie.

// Places where users store: 0 to 2 are theirs in the zone, 3 to 5 in the channel.
constexpr int kUsers = 3;
constexpr int kPlaces = 2 * kUsers;

int user_at(int place) {
  return place % kUsers;
}

class Model {
 public:
  explicit Model(Catalog& catalog) : catalog_(catalog) { make_channel(); }

  void step() {
    const auto place = *rc::gen::inRange(0, kPlaces);
    const auto file = *rc::gen::inRange<std::size_t>(0, kWhole.size() + kLarge.size());
    switch (*rc::gen::weightedElement<int>(
        {{12, 0}, {8, 1}, {10, 2}, {2, 3}, {4, 4}, {2, 5}, {4, 6}, {2, 7}, {1, 8}})) {
      case 0:
        begin(place, file);
        break;
      case 1:
        send();
        break;
      case 2:
        commit();
        break;
      case 3:
        abandon();
        break;
      case 4:
        remove(user_at(place), digest_of(file));
        break;
      case 5:
        now_ms_ += *rc::gen::inRange<std::int64_t>(1, kHourMs);
        must(catalog_.upkeep().expire_uploads(now_ms_));
        std::erase_if(open_, [&](const auto& one) { return one.second.expires_ms <= now_ms_; });
        break;
      case 6:
        collect();
        break;
      case 8:
        delete_channel();
        break;
      default:
        settle();
    }
    check();
  }

 private:
  struct Open {
    int place;
    std::size_t file;
    std::int64_t expires_ms;
  };

  static bool is_whole(std::size_t file) { return file < kWhole.size(); }
  static const Large& large(std::size_t file) { return kLarge.at(file - kWhole.size()); }
  static Digest digest_of(std::size_t file) {
    return is_whole(file) ? sha1_of(kWhole[file]) : large(file).digest;
  }
  static UploadRequest request_of(std::size_t file) {
    return is_whole(file) ? whole(kWhole[file]) : large(file).request();
  }
  static std::vector<std::string> pieces_of(std::size_t file) {
    return is_whole(file) ? std::vector<std::string>{kWhole[file]} : large(file).pieces();
  }
  static Uploader uploader(int place) {
    constexpr std::array kNames{"alice", "bob", "carol"};
    const int number = user_at(place);
    Uploader uploader{zone("lab"),
                      node(static_cast<unsigned char>(number + 1)),
                      user(kNames.at(static_cast<std::size_t>(number))),
                      {.zone = number == 0}};
    if (place >= kUsers) uploader.channel = rats().name;
    return uploader;
  }
  static ChannelId rats() { return {zone("lab"), ChannelName::parse("rats").value()}; }
  void make_channel() { must(catalog_.channels().create(rats(), node(1), "", now_ms_)); }

  // Everything that was stored to it goes, and uploads to it end.
  void delete_channel() {
    must(catalog_.channels().remove(rats()));
    make_channel();
    for (auto& [digest, places] : visible_) std::erase_if(places, [](int place) { return place >= kUsers; });
    std::erase_if(open_, [](const auto& one) { return one.second.place >= kUsers; });
  }

  void begin(int place, std::size_t file) {
    const UploadRequest request = request_of(file);
    const UploadState state = must(catalog_.uploads().begin(uploader(place), {&request, 1}, now_ms_)).at(0);
    if (state.what == UploadState::What::refused)
      RC_ASSERT(state.refusal->code == Code::unavailable && !doomed_.empty());
    if (state.what == UploadState::What::present) visible_[digest_of(file)].insert(place);
    if (state.what != UploadState::What::open) return;
    open_[state.id] = {place, file, now_ms_ + kHourMs};
    const auto pieces = pieces_of(file);
    for (std::size_t i = 0; i < pieces.size(); ++i)
      if (state.here.at(i)) RC_ASSERT(bucket_.contains(sha256_of(pieces[i])));
  }

  // One piece of one upload.
  void send() {
    if (open_.empty()) return;
    const auto& [name, open] =
        *std::next(open_.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(open_)));
    const std::string piece = *rc::gen::elementOf(pieces_of(open.file));
    // As the bucket does it: what is there is not written again.
    bucket_.insert(sha256_of(piece));
    must(catalog_.uploads().note_sent(name, sent(piece)));
  }

  void commit() {
    if (open_.empty()) return;
    const auto at = std::next(open_.begin(), *rc::gen::inRange<std::ptrdiff_t>(0, std::ssize(open_)));
    const auto [name, open] = *at;
    const Commit what = is_whole(open.file) ? Commit{name, {}, {}, {}} : large(open.file).commit(name);
    const CommitState state =
        must(catalog_.uploads().commit(uploader(open.place), {&what, 1}, now_ms_)).at(0);
    if (state.what == CommitState::What::refused) {
      RC_ASSERT(state.refusal->code == Code::not_found);
      return;
    }
    // Not before everything was there.
    for (const std::string& piece : pieces_of(open.file)) RC_ASSERT(bucket_.contains(sha256_of(piece)));
    visible_[digest_of(open.file)].insert(open.place);
    open_.erase(at);
  }

  void abandon() {
    if (open_.empty()) return;
    const auto [name, open] = *open_.begin();
    must(catalog_.uploads().abandon(uploader(open.place), {&name, 1}));
    open_.erase(name);
  }

  void remove(int user, const Digest& digest) {
    const bool removed = must(catalog_.files().remove(zone("lab"), {&digest, 1}, uploader(user).user)).at(0);
    const auto gone = std::erase_if(visible_[digest], [user](int place) { return user_at(place) == user; });
    RC_ASSERT(removed == (gone > 0));
  }

  // In its three steps, between which other calls come.
  void collect() {
    if (doomed_.empty()) {
      garbage_ = must(catalog_.upkeep().collect(3));
      for (const auto& [where, chunk] : garbage_.chunks) doomed_.insert(chunk);
      for (const auto& lost : garbage_.manifests) doomed_.insert(lost.manifest);
      return;
    }
    for (const Digest& chunk : doomed_) bucket_.erase(chunk);
    must(catalog_.upkeep().collected(garbage_));
    doomed_.clear();
  }

  void settle() {
    for (const ClaimRecord& claim : must(catalog_.upkeep().unchecked(1))) {
      Hasher hasher(Algorithm::sha1);
      const std::vector<ChunkEntry> chunks = must(catalog_.upkeep().claim_chunks(claim));
      const bool is_lie = claim.manifest == kLarge.back().name();
      RC_ASSERT(!chunks.empty());
      must(catalog_.upkeep().settle(claim, !is_lie));
    }
    // Who claimed wrongly may have lost the file; the catalog is asked who is left.
    std::map<Digest, std::set<int>> left;
    for (int user = 0; user < kUsers; ++user)
      for (const ListedRecord& file :
           must(catalog_.files().list(zone("lab"), uploader(user).user, std::nullopt, 100)).files) {
        RC_ASSERT(file.in_zone || !file.channels.empty());
        if (file.in_zone) left[file.digest].insert(user);
        if (!file.channels.empty()) left[file.digest].insert(user + kUsers);
      }
    for (auto& [digest, places] : visible_) {
      if (digest != kLarge.back().digest) RC_ASSERT(places == left[digest]);
      RC_ASSERT(std::ranges::includes(places, left[digest]));
      places = left[digest];
    }
  }

  std::optional<FileRecord> find(const Digest& digest, const Reader& reader) {
    return must(catalog_.files().find(zone("lab"), reader, {&digest, 1})).at(0);
  }

  void check() {
    std::array<ByteCount, kUsers> least{};
    for (const auto& [digest, places] : visible_) {
      const bool in_zone = std::ranges::any_of(places, [](int place) { return place < kUsers; });
      const bool in_channel = std::ranges::any_of(places, [](int place) { return place >= kUsers; });
      RC_ASSERT(find(digest, {.zone = true}).has_value() == in_zone);
      RC_ASSERT(find(digest, {.zone = false, .channels = {rats().name}}).has_value() == in_channel);
      RC_ASSERT(!find(digest, {}));
      const auto file = find(digest, {.zone = true, .channels = {rats().name}});
      RC_ASSERT(file.has_value() == !places.empty());
      if (!file) continue;
      RC_ASSERT(file->channel.has_value() == !in_zone);
      for (const int place : places) least.at(static_cast<std::size_t>(user_at(place))) += file->size;
      check_chunks(*file);
    }
    for (const auto& [name, open] : open_)
      least.at(static_cast<std::size_t>(user_at(open.place))) += request_of(open.file).size;
    ByteCount all = 0;
    for (int user = 0; user < kUsers; ++user) {
      const QuotaState quota = must(catalog_.zones().quota_of(zone("lab"), uploader(user).user));
      std::size_t objects = 0;
      const auto is_users = [user](int place) { return user_at(place) == user; };
      for (const auto& [digest, places] : visible_)
        objects += static_cast<std::size_t>(std::ranges::count_if(places, is_users));
      for (const auto& [name, open] : open_) objects += is_users(open.place) ? 1 : 0;
      RC_ASSERT(quota.objects == objects);
      // A second claim for a file that was not checked counts besides.
      RC_ASSERT(quota.bytes >= least.at(static_cast<std::size_t>(user)));
      if (open_.empty() && visible_[kLarge.back().digest].empty())
        RC_ASSERT(quota.bytes == least.at(static_cast<std::size_t>(user)));
      all += quota.bytes;
    }
    RC_ASSERT(must(catalog_.zones().zones()).at(0).quota.bytes == all);
  }

  // Every chunk of a file that is visible lies in the bucket and is not about to go.
  void check_chunks(const FileRecord& file) {
    const auto is_safe = [&](const Digest& chunk) {
      return bucket_.contains(chunk) && !doomed_.contains(chunk);
    };
    if (file.chunk) RC_ASSERT(is_safe(*file.chunk));
    for (const ManifestRecord& manifest : file.manifests) {
      RC_ASSERT(!doomed_.contains(manifest.manifest));
      for (const Large& one : kLarge)
        if (one.name() == manifest.manifest)
          for (const std::string& piece : one.pieces()) RC_ASSERT(is_safe(sha256_of(piece)));
    }
  }

  Catalog& catalog_;
  std::int64_t now_ms_ = kNow;
  std::map<std::string, Open> open_;
  std::map<Digest, std::set<int>> visible_;  // Where it is stored.
  std::set<Digest> bucket_;
  std::set<Digest> doomed_;
  Garbage garbage_;
};

class ModelTest : public UploadTest {};

TEST_F(ModelTest, RandomCallsKeepEveryPromise) {
  EXPECT_TRUE(rc::check([this] {
    must(catalog_->zones().delete_zone(zone("lab")));
    must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
    Model model(*catalog_);
    const int steps = *rc::gen::inRange(20, 80);
    for (int i = 0; i < steps; ++i) model.step();
  }));
}

}  // namespace
}  // namespace kachery::hub
