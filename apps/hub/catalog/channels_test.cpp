#include "hub/catalog/channels.h"

#include <algorithm>

#include "hub/catalog/schema.h"
#include "hub/catalog/upload_fixture.h"

namespace kachery::hub {
namespace {

constexpr Roles kReads{Role::request_files};
constexpr Roles kBoth{Role::request_files, Role::provide_files};

ChannelId named(std::string_view name) {
  return {zone("lab"), *ChannelName::parse(name)};
}

// Alice owns "rats"; Bob's node is 2, Carol's is 3.
class ChannelsTest : public UploadTest {
 protected:
  ChannelsTest() { must(channels().create(rats, node(1), "Recordings", kNow)); }

  Channels& channels() { return catalog_->channels(); }
  MemberFacts member(unsigned char number, const ChannelId& id) {
    const Facts facts = must(catalog_->facts());
    return member_in(facts, *find_channel(facts, id), node(number));
  }
  MemberFacts member(unsigned char number) { return member(number, rats); }

  ChannelInvitationRecord invite(const std::string& code, Roles roles, std::optional<std::uint64_t> uses = {},
                                 std::optional<std::int64_t> expires_ms = {}) {
    return must(channels().invite(rats,
                                  {.code_hash = sha256_of(code),
                                   .is_passcode = true,
                                   .roles = roles,
                                   .uses = uses,
                                   .expires_ms = expires_ms},
                                  kNow));
  }
  Result<> join(unsigned char number, const std::optional<std::string>& code,
                std::optional<Roles> wanted = {}, std::int64_t now_ms = kNow) {
    Joining joining{.code_hash = {}, .wanted = wanted};
    if (code) joining.code_hash = sha256_of(*code);
    return channels().join(rats, node(number), joining, now_ms);
  }
  void expect_nothing_to_do_with(const Result<>& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::denied);
    EXPECT_EQ(result.error().message, no_such_channel(rats).message);
  }

  // What Alice, or whoever it is, uploads to a channel.
  static Uploader to(const Uploader& uploader, const ChannelId& id) {
    Uploader one = uploader;
    one.channel = id.name;
    return one;
  }
  static Reader of(const ChannelId& id) { return {.zone = false, .channels = {id.name}}; }

  const ChannelId rats = named("rats");
  const ChannelId mice = named("mice");
};

TEST_F(ChannelsTest, AreTheirCreatorsUsers) {
  EXPECT_TRUE(fault(channels().create(rats, node(2), "", kNow)).starts_with("exists"));
  EXPECT_EQ(member(1).granted, Roles::all());
  EXPECT_EQ(member(1).wanted, Roles::requesting()) << "nobody provides by accident";
  must(catalog_->people().add_node(node(9), user("alice"), "", kNow));
  EXPECT_EQ(member(9).granted, Roles::all()) << "another machine of hers";
  EXPECT_TRUE(member(9).wanted.empty());
  must(join(9, std::nullopt, kBoth));
  EXPECT_EQ(member(9).effective(), kBoth);
  EXPECT_TRUE(fault(channels().revoke(rats, node(9), kBoth)).starts_with("invalid"));
  must(channels().leave(rats, node(9)));
  EXPECT_TRUE(member(9).wanted.empty());

  reopen();
  must(channels().describe(rats, "Others"));
  const auto list = must(channels().list(zone("lab"), std::nullopt));
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].id, rats);
  EXPECT_EQ(list[0].owner, user("alice"));
  EXPECT_EQ(list[0].description, "Others");
  EXPECT_EQ(list[0].created_ms, kNow);
  EXPECT_TRUE(must(channels().list(zone("lab"), mice.name)).empty());
  must(catalog_->zones().delete_zone(zone("lab")));
  EXPECT_TRUE(fault(channels().describe(rats, "")).starts_with("not_found"));
}

TEST_F(ChannelsTest, AUserHasTwoHundredInAZone) {
  for (int i = 1; i < 200; ++i) must(channels().create(named("c" + std::to_string(i)), node(1), "", kNow));
  EXPECT_TRUE(fault(channels().create(mice, node(1), "", kNow)).starts_with("exhausted"));
  must(channels().create(mice, node(2), "", kNow));
}

TEST_F(ChannelsTest, WhatIsGrantedHoldsWhereItIsWanted) {
  must(channels().grant(rats, node(2), kBoth));
  EXPECT_EQ(member(2), (MemberFacts{kBoth, {}})) << "granted, and not wanted";
  must(join(2, std::nullopt));
  EXPECT_EQ(member(2).wanted, Roles::requesting());
  EXPECT_EQ(member(2).effective(), kReads);
  must(channels().set_wanted(rats, node(2), Roles::all()));
  EXPECT_EQ(member(2).effective(), kBoth);
  must(join(2, std::nullopt));
  EXPECT_EQ(member(2).wanted, Roles::all()) << "joining again changes nothing";
  must(channels().revoke(rats, node(2), kReads));
  EXPECT_EQ(member(2).effective(), Roles{Role::provide_files});
  EXPECT_EQ(member(2).wanted, Roles::all()) << "what a node wants is its own";
  must(channels().revoke(rats, node(2), Roles::all()));
  expect_nothing_to_do_with(channels().set_wanted(rats, node(2), kReads));
  expect_nothing_to_do_with(channels().leave(rats, node(2)));
  EXPECT_TRUE(fault(channels().grant(rats, node(77), kReads)).starts_with("not_found"));
}

TEST_F(ChannelsTest, AWrongCodeSaysNothing) {
  invite("letmein", kReads, 1, kNow + kHourMs);
  expect_nothing_to_do_with(join(2, "letmeIn"));
  expect_nothing_to_do_with(join(2, std::nullopt));
  expect_nothing_to_do_with(join(2, "letmein", {}, kNow + kHourMs));
  must(join(2, "letmein"));
  expect_nothing_to_do_with(join(3, "letmein"));
  must(join(2, "letmein", {}, kNow + 2 * kHourMs));  // The answer may have got lost.
  Result<> elsewhere =
      channels().join(mice, node(3), {.code_hash = sha256_of("letmein"), .wanted = {}}, kNow);
  EXPECT_EQ(fault(elsewhere), "denied: " + no_such_channel(mice).message);
  elsewhere = channels().join({zone("nowhere"), rats.name}, node(3), {}, kNow);
  EXPECT_TRUE(fault(elsewhere).starts_with("denied"));
}

TEST_F(ChannelsTest, ACodeCountsOnceForEachNode) {
  const std::string name = invite("letmein", kReads, 2).name;
  must(join(2, "letmein"));
  must(join(2, "letmein"));
  EXPECT_EQ(must(channels().invitations(rats, kNow)).at(0).uses_left, 1U);
  must(join(3, "letmein"));
  const ChannelInvitationRecord used = must(channels().invitations(rats, kNow)).at(0);
  EXPECT_EQ(used.uses_left, 0U);
  EXPECT_EQ(used.members, 2U);
  EXPECT_EQ(used.name, name) << "it stays, for it can be taken back";
  EXPECT_TRUE(fault(channels().invite(rats, {sha256_of("letmein"), true, kReads, {}, {}}, kNow))
                  .starts_with("exists"));
}

TEST_F(ChannelsTest, WhatAnInvitationGaveGoesWithIt) {
  const std::string first = invite("first-code", kReads).name;
  const std::string second = invite("second-code", Roles{Role::request_feeds}).name;
  must(join(2, "first-code", Roles::all()));
  must(join(2, "second-code"));
  must(join(3, "first-code"));
  must(channels().grant(rats, node(2), Roles{Role::provide_files}));
  EXPECT_EQ(member(2).effective(), (kBoth | Roles{Role::request_feeds}));
  must(channels().uninvite(rats, first));
  EXPECT_EQ(member(2).effective(), (Roles{Role::provide_files, Role::request_feeds}));
  EXPECT_TRUE(member(3).granted.empty());
  expect_nothing_to_do_with(join(3, "first-code"));
  expect_nothing_to_do_with(channels().leave(rats, node(3)));
  EXPECT_TRUE(fault(channels().uninvite(rats, first)).starts_with("not_found"));
  must(channels().create(mice, node(2), "", kNow));
  EXPECT_TRUE(fault(channels().uninvite(mice, second)).starts_with("not_found")) << "another's";
  EXPECT_EQ(must(channels().invitations(rats, kNow)).size(), 1U);
}

// Whoever was put out does not come back by the same code.
TEST_F(ChannelsTest, WhatWasRevokedIsNotGivenAgain) {
  invite("letmein", kBoth);
  must(join(2, "letmein", Roles::all()));
  must(channels().revoke(rats, node(2), Roles{Role::provide_files}));
  must(channels().leave(rats, node(2)));
  EXPECT_TRUE(member(2).granted.empty());
  must(channels().revoke(rats, node(2), Roles::all()));
  expect_nothing_to_do_with(join(2, "letmein"));
  must(join(3, "letmein", Roles::all()));
  must(channels().leave(rats, node(3)));
  must(join(3, "letmein"));
  EXPECT_EQ(member(3), (MemberFacts{kBoth, Roles::requesting()}))
      << "whoever left by themselves may come back";
  must(channels().grant(rats, node(2), kReads));
  must(join(2, std::nullopt));
  EXPECT_EQ(member(2).effective(), kReads);
}

TEST_F(ChannelsTest, SpentInvitationsAreForgotten) {
  invite("one-that-expires", kReads, {}, kNow + 1);
  EXPECT_EQ(must(channels().invitations(rats, kNow)).size(), 1U);
  EXPECT_TRUE(must(channels().invitations(rats, kNow + 1)).empty());
  for (int i = 0; i < 1'000; ++i) invite("code " + std::to_string(i), kReads);
  EXPECT_TRUE(fault(channels().invite(rats, {sha256_of("more"), true, kReads, {}, {}}, kNow))
                  .starts_with("exhausted"));
}

// --- Files

TEST_F(ChannelsTest, AFileIsReadableThroughItsChannelOnly) {
  must(channels().create(mice, node(1), "", kNow));
  ASSERT_EQ(store(to(bob(), rats), "secret"), "stored");
  EXPECT_FALSE(find(sha1_of("secret"))) << "not by readers of the zone";
  EXPECT_FALSE(find(sha1_of("secret"), of(mice)));
  EXPECT_EQ(find(sha1_of("secret"), of(rats))->channel, rats.name);
  const std::vector<Digest> chunk{sha256_of("secret")};
  const auto known = [&](const Reader& reader) -> bool {
    return must(catalog_->files().chunks_of(zone("lab"), reader, sha1_of("secret"), chunk)).known.at(0);
  };
  EXPECT_TRUE(known(of(rats)));
  EXPECT_FALSE(known(of(mice)));
  EXPECT_FALSE(known({.zone = true}));

  // Whoever may not read it does not learn that it is there.
  EXPECT_EQ(word(begin(alice(), whole("secret"))), "open") << "Alice reads the zone";
  EXPECT_EQ(begin(to(carol(), mice), whole("secret")).here, std::vector<bool>{false});
  const SizedDigest file{sha1_of("secret"), 6};
  EXPECT_FALSE(must(uploads().present(carol(), {&file, 1}, kNow)).at(0));
  Uploader member = carol();
  member.reads = of(rats);
  EXPECT_TRUE(must(uploads().present(member, {&file, 1}, kNow)).at(0)) << "a member may bring it to the zone";
  EXPECT_TRUE(find(sha1_of("secret")));
}

TEST_F(ChannelsTest, EachPlaceHasItsOwnAccount) {
  ASSERT_EQ(store(bob(), "shared"), "stored");
  ASSERT_EQ(store(to(bob(), rats), "shared"), "present") << "he knows his own file";
  EXPECT_EQ(bytes_of(bob()), 12U);
  EXPECT_EQ(objects_of(bob()), 2U);
  const FilePage page = must(catalog_->files().list(zone("lab"), user("bob"), std::nullopt, 10));
  ASSERT_EQ(page.files.size(), 1U) << "a file is listed once";
  EXPECT_TRUE(page.files[0].in_zone);
  EXPECT_EQ(page.files[0].channels, std::vector{rats.name});
  must(channels().remove(rats));
  EXPECT_EQ(bytes_of(bob()), 6U);
  EXPECT_TRUE(find(sha1_of("shared"))) << "the other grant stays";
  must(channels().create(rats, node(1), "", kNow));
  EXPECT_FALSE(find(sha1_of("shared"), of(rats))) << "a new channel begins anew";
  ASSERT_EQ(store(to(bob(), rats), "shared"), "present");
  EXPECT_TRUE(remove(bob(), sha1_of("shared")));
  EXPECT_EQ(objects_of(bob()), 0U) << "both are taken back";
  EXPECT_FALSE(find(sha1_of("shared"), of(rats)));
}

TEST_F(ChannelsTest, ADeletedChannelLeavesNothingBehind) {
  const Large large({"one", "two"});
  ASSERT_EQ(store(to(bob(), rats), "small"), "stored");
  ASSERT_EQ(store(to(bob(), rats), large), "stored");
  ASSERT_EQ(store(carol(), "other"), "stored");
  const UploadState open = begin(to(bob(), rats), whole("under way"));
  ASSERT_EQ(open.what, UploadState::What::open);
  EXPECT_TRUE(fault(uploads().upload(bob(), open.id)).starts_with("not_found"))
      << "it is not one to the zone";
  must(channels().remove(rats));
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(objects_of(bob()), 0U);
  const Commit late{open.id, {}, {}, {}};
  EXPECT_TRUE(fault(uploads().commit(to(bob(), rats), {&late, 1}, kNow)).starts_with("not_found"));
  must(channels().create(rats, node(1), "", kNow));
  for (const Digest& digest : {sha1_of("small"), large.digest}) EXPECT_FALSE(find(digest, of(rats)));
  EXPECT_EQ(word(commit(to(bob(), rats), late)), "not_found") << "not to its successor either";
  must(upkeep().expire_uploads(kNow + 2 * kHourMs));
  const std::vector<Digest> garbage = collect();
  for (const std::string& piece : large.pieces()) EXPECT_TRUE(std::ranges::count(garbage, sha256_of(piece)));
  EXPECT_TRUE(std::ranges::count(garbage, sha256_of("small")));
  EXPECT_FALSE(std::ranges::count(garbage, sha256_of("other")));
  EXPECT_EQ(must(catalog_->zones().zones()).at(0).quota.bytes, 5U);
}

// A lie costs the one who told it, where they told it.
TEST_F(ChannelsTest, AFalseClaimIsTakenFromTheGrantThatItWasFor) {
  const Large lie({"six", "ten"}, sha1_of("onetwo"));
  ASSERT_EQ(store(to(bob(), rats), lie), "stored");
  ASSERT_EQ(store(bob(), "mine"), "stored");
  for (const ClaimRecord& claim : must(upkeep().unchecked(10))) must(upkeep().settle(claim, false));
  EXPECT_FALSE(find(lie.digest, of(rats)));
  EXPECT_EQ(bytes_of(bob()), 4U);
  EXPECT_EQ(objects_of(bob()), 1U);
}

// A hub that was updated goes on with what it had.
TEST_F(ChannelsTest, ACatalogOfTheSecondVersionGetsTheTablesThatItLacks) {
  catalog_.reset();
  std::filesystem::remove(path());
  {
    Database database = must(Database::open(path(), Durability::full));
    must(database.run(kSchemaSteps.at(0)));
    must(database.run(kSchemaSteps.at(1)));
    must(database.run("PRAGMA user_version = 2"));
    must(database.run("INSERT INTO users(name, created_ms) VALUES('alice', 5)"));
    must(
        database.run("INSERT INTO nodes(key, user, label, created_ms) VALUES(x'"
                     "0100000000000000000000000000000000000000000000000000000000000000', 1, '', 5)"));
    must(database.run("INSERT INTO zones(name, owner, created_ms) VALUES('lab', 1, 5)"));
    must(database.run(
        "INSERT INTO objects(zone, sha256, file, state, size) VALUES(1, zeroblob(32), x'', 1, 6)"));
    must(database.run("INSERT INTO files(zone, digest, size, object) VALUES(1, zeroblob(20), 6, 1)"));
    must(database.run("INSERT INTO grants VALUES(1, 'zone', 1, 1, 1, 5, 6)"));
  }
  reopen();
  const Digest digest = *Digest::parse(Algorithm::sha1, std::string(40, '0'));
  EXPECT_EQ(find(digest)->size, 6U);
  must(channels().create(rats, node(1), "", kNow));
  EXPECT_FALSE(find(digest, of(rats)));
  ASSERT_EQ(store(to(alice(), rats), "secret"), "stored");
  reopen();
  EXPECT_TRUE(find(sha1_of("secret"), of(rats)));
}

}  // namespace
}  // namespace kachery::hub
