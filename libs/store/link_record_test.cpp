#include "store/link_record.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "store/hash_cache.h"

namespace kachery {
namespace {

const Digest kDigest = *Digest::parse(Algorithm::sha1, "6af826b3d648ccba6b4bbe58e93e22add640d728");

LinkRecord record_of(const std::string& path) {
  return {path, kDigest, 16, FileStamp{65'024, 12, 16, 1'600'000'000'123'456'789, 1'600'000'000'223'456'789},
          1'700'000'000'000'000'000};
}

// The first four members are kachery_cloud's, with Python's idea of the time.
TEST(LinkRecord, IsWrittenAsOlderProgramsReadIt) {
  EXPECT_EQ(
      record_of("/data/a b").str(),
      R"({"path":"/data/a b","size":16,"mtime":1600000000.1234567,"sha1":"6af826b3d648ccba6b4bbe58e93e22add640d728",)"
      R"("mtime_ns":1600000000123456789,"ctime_ns":1600000000223456789,"device":65024,"inode":12,)"
      R"("hashed_at_ns":1700000000000000000})");
  EXPECT_EQ(record_of("/x").gen1_str(),
            R"({"path":"/x","manifestSha1":null,"stat":{"size":16,"mtime":1600000000.1234567}})");
}

TEST(LinkRecord, WithAPathOfAnyBytesSurvives) {
  EXPECT_TRUE(rc::check([](std::string name) {
    std::erase(name, '\0');
    const LinkRecord record = record_of("/" + name);
    const auto again = LinkRecord::parse(record.str(), kDigest);
    RC_ASSERT(bool(again));
    RC_ASSERT(again->path == record.path);
    RC_ASSERT(again->stamp == record.stamp);
    RC_ASSERT(again->hashed_at_ns == record.hashed_at_ns);
    const auto gen1 = LinkRecord::parse_gen1(record.gen1_str(), kDigest);
    RC_ASSERT(bool(gen1));
    RC_ASSERT(gen1->path == record.path);
    RC_ASSERT(!gen1->stamp);
  }));
}

TEST(LinkRecord, VouchesOnlyForTheVeryStateThatWasHashed) {
  const LinkRecord record = record_of("/x");
  EXPECT_TRUE(record.vouches_for(*record.stamp));
  for (const auto change : {&FileStamp::device, &FileStamp::inode, &FileStamp::size}) {
    FileStamp other = *record.stamp;
    other.*change += 1;
    EXPECT_FALSE(record.vouches_for(other));
  }
  for (const auto change : {&FileStamp::mtime_ns, &FileStamp::ctime_ns}) {
    FileStamp other = *record.stamp;
    other.*change += 1;
    EXPECT_FALSE(record.vouches_for(other));
  }
  LinkRecord hot = record;
  hot.hashed_at_ns = hot.stamp->ctime_ns + kSettledNs;
  EXPECT_FALSE(hot.vouches_for(*hot.stamp)) << "hashed too soon after its last change";
  LinkRecord old = record;
  old.stamp.reset();
  EXPECT_FALSE(old.vouches_for(*record.stamp)) << "an older program's record says too little";
}

TEST(LinkRecord, ForOtherContentIsRefused) {
  const Digest other = *Digest::parse(Algorithm::sha1, std::string(40, '0'));
  const auto record = LinkRecord::parse(record_of("/x").str(), other);
  ASSERT_FALSE(record);
  EXPECT_EQ(record.error().code, Code::corrupt);
}

}  // namespace
}  // namespace kachery
