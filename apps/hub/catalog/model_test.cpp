// Random calls by several users against a simple model: what is visible, what is counted, and that no chunk
// that a file needs is ever given away.
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

class Model {
 public:
  explicit Model(Catalog& catalog) : catalog_(catalog) {}

  void step() {
    const auto user = *rc::gen::inRange(0, 3);
    const auto file = *rc::gen::inRange<std::size_t>(0, kWhole.size() + kLarge.size());
    switch (
        *rc::gen::weightedElement<int>({{6, 0}, {4, 1}, {5, 2}, {1, 3}, {2, 4}, {1, 5}, {2, 6}, {1, 7}})) {
      case 0:
        begin(user, file);
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
        remove(user, digest_of(file));
        break;
      case 5:
        now_ms_ += *rc::gen::inRange<std::int64_t>(1, kHourMs);
        must(catalog_.upkeep().expire_uploads(now_ms_));
        std::erase_if(open_, [&](const auto& one) { return one.second.expires_ms <= now_ms_; });
        break;
      case 6:
        collect();
        break;
      default:
        settle();
    }
    check();
  }

 private:
  struct Open {
    int user;
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
  static Uploader uploader(int number) {
    constexpr std::array kNames{"alice", "bob", "carol"};
    return {zone("lab"), node(static_cast<unsigned char>(number + 1)),
            user(kNames.at(static_cast<std::size_t>(number))), number == 0};
  }

  void begin(int user, std::size_t file) {
    const UploadRequest request = request_of(file);
    const UploadState state = must(catalog_.uploads().begin(uploader(user), {&request, 1}, now_ms_)).at(0);
    if (state.what == UploadState::What::refused)
      RC_ASSERT(state.refusal->code == Code::unavailable && !doomed_.empty());
    if (state.what == UploadState::What::present) visible_[digest_of(file)].insert(user);
    if (state.what != UploadState::What::open) return;
    open_[state.id] = {user, file, now_ms_ + kHourMs};
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
    const CommitState state = must(catalog_.uploads().commit(uploader(open.user), {&what, 1}, now_ms_)).at(0);
    if (state.what == CommitState::What::refused) {
      RC_ASSERT(state.refusal->code == Code::not_found);
      return;
    }
    // Not before everything was there.
    for (const std::string& piece : pieces_of(open.file)) RC_ASSERT(bucket_.contains(sha256_of(piece)));
    visible_[digest_of(open.file)].insert(open.user);
    open_.erase(at);
  }

  void abandon() {
    if (open_.empty()) return;
    const auto [name, open] = *open_.begin();
    must(catalog_.uploads().abandon(uploader(open.user), {&name, 1}));
    open_.erase(name);
  }

  void remove(int user, const Digest& digest) {
    const bool removed = must(catalog_.files().remove(zone("lab"), {&digest, 1}, uploader(user).user)).at(0);
    RC_ASSERT(removed == (visible_[digest].erase(user) == 1));
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
    for (int user = 0; user < 3; ++user)
      for (const ListedRecord& file :
           must(catalog_.files().list(zone("lab"), uploader(user).user, std::nullopt, 100)).files)
        left[file.digest].insert(user);
    for (auto& [digest, users] : visible_) {
      if (digest != kLarge.back().digest) RC_ASSERT(users == left[digest]);
      RC_ASSERT(std::ranges::includes(users, left[digest]));
      users = left[digest];
    }
  }

  void check() {
    std::array<ByteCount, 3> least{};
    for (const auto& [digest, users] : visible_) {
      const auto file = must(catalog_.files().find(zone("lab"), {&digest, 1})).at(0);
      RC_ASSERT(file.has_value() == !users.empty());
      if (!file) continue;
      for (const int user : users) least.at(static_cast<std::size_t>(user)) += file->size;
      check_chunks(*file);
    }
    for (const auto& [name, open] : open_)
      least.at(static_cast<std::size_t>(open.user)) += request_of(open.file).size;
    ByteCount all = 0;
    for (int user = 0; user < 3; ++user) {
      const QuotaState quota = must(catalog_.zones().quota_of(zone("lab"), uploader(user).user));
      std::size_t objects = 0;
      for (const auto& [digest, users] : visible_) objects += users.count(user);
      for (const auto& [name, open] : open_) objects += open.user == user ? 1 : 0;
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
  std::map<Digest, std::set<int>> visible_;  // Who has stored it.
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
