#include "client/identity.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/bytes.h"
#include "crypto/pem.h"
#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSeed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr const char* kId = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() : home_(fs::path(testing::TempDir()) / ("identity_test_" + random_hex(8))) {
    fs::create_directories(older_);
    set_environment("", "");
  }
  ~IdentityTest() override {
    set_environment("", "");
    fs::remove_all(home_);
  }

  static void set_environment(const std::string& id, const std::string& key) {
    // NOLINTBEGIN(concurrency-mt-unsafe): the only thread.
    ::setenv("KACHERY_CLOUD_CLIENT_ID", id.c_str(), 1);
    ::setenv("KACHERY_CLOUD_PRIVATE_KEY", key.c_str(), 1);
    // NOLINTEND(concurrency-mt-unsafe)
  }

  // The node ID, "(none)", or the error's message in brackets.
  std::string find(MissingKey missing = MissingKey::none) const {
    const auto pair = find_identity(configuration_, missing);
    return !pair ? "(" + pair.error().message + ")" : *pair ? (*pair)->node_id().hex() : "(none)";
  }

  Error error() const {
    const auto pair = find_identity(configuration_, MissingKey::generate);
    return pair ? Error{Code::internal, "no error"} : pair.error();
  }

  static void write(const fs::path& path, std::string_view text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  }

  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  static void write_pair(const fs::path& directory, const KeyPair& pair) {
    write(directory / "private.pem", private_pem(pair).text());
    write(directory / "public.pem", public_pem(pair.node_id()));
  }

  fs::path home_;
  fs::path own_ = home_ / "store";
  fs::path older_ = home_ / "older";
  Configuration configuration_{own_, "test", {older_}, home_ / "state"};
};

TEST_F(IdentityTest, LookingMakesNothing) {
  EXPECT_EQ(find(), "(none)");
  EXPECT_FALSE(fs::exists(own_));
}

TEST_F(IdentityTest, IsMadeOnceAndKept) {
  const std::string id = find(MissingKey::generate);
  EXPECT_TRUE(NodeId::parse(id)) << id;
  EXPECT_EQ(find(), id);
  EXPECT_EQ(find(MissingKey::generate), id);
  EXPECT_EQ(parse_public_pem(read(own_ / "public.pem"))->hex(), id);
  EXPECT_EQ(fs::status(own_ / "private.pem").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(own_), {}), 2) << "and nothing else";
}

TEST_F(IdentityTest, OfAnOlderProgramIsUsedAndLeftAlone) {
  const KeyPair pair = KeyPair::generate();
  write(older_ / "private.pem", private_pem(pair).text());
  EXPECT_EQ(find(MissingKey::generate), pair.node_id().hex());
  EXPECT_FALSE(fs::exists(own_));
  EXPECT_FALSE(fs::exists(older_ / "public.pem")) << "older directories are never written to";

  const KeyPair ours = KeyPair::generate();
  write_pair(own_, ours);
  EXPECT_EQ(find(), ours.node_id().hex()) << "ours is looked at first";
}

TEST_F(IdentityTest, OfTheEnvironmentComesFirst) {
  write_pair(own_, KeyPair::generate());
  set_environment(kId, kSeed);
  EXPECT_EQ(find(), kId);
}

// Also where people exchanged the two: the key must not appear in a log.
TEST_F(IdentityTest, OfTheEnvironmentFitsOrIsRefusedWithoutBeingShown) {
  const std::string other = KeyPair::generate().node_id().hex();
  const std::string seed(kSeed);
  for (const auto& [id, key] : std::vector<std::pair<std::string, std::string>>{{kId, ""},
                                                                                {"", seed},
                                                                                {other, seed},
                                                                                {seed, kId},
                                                                                {seed, seed},
                                                                                {seed + "\n", kId},
                                                                                {"x", seed},
                                                                                {kId, seed + "0"},
                                                                                {kId, seed.substr(1)},
                                                                                {kId, "0x" + seed},
                                                                                {kId, "canary-" + seed}}) {
    set_environment(id, key);
    const Error refused = error();
    EXPECT_EQ(refused.code, Code::invalid) << id << " " << key;
    EXPECT_TRUE(refused.message.contains("KACHERY_CLOUD_")) << refused.message;
    EXPECT_FALSE(refused.message.contains(seed.substr(4, 12))) << refused.message;
  }
  EXPECT_FALSE(fs::exists(own_)) << "and no other key was made instead";
}

TEST_F(IdentityTest, WithoutItsPublicFileIsRepairedWhenAskedTo) {
  const KeyPair pair = KeyPair::generate();
  write(own_ / "private.pem", private_pem(pair).text());
  EXPECT_EQ(find(), pair.node_id().hex());
  EXPECT_FALSE(fs::exists(own_ / "public.pem")) << "looking makes nothing";
  EXPECT_EQ(find(MissingKey::generate), pair.node_id().hex());
  EXPECT_EQ(read(own_ / "public.pem"), public_pem(pair.node_id()));
}

// Its members are nodes of their own: nobody's key lies where others may write, or is needed to make one.
TEST_F(IdentityTest, IsTakenOverByWhoHasNone) {
  const KeyPair brought = KeyPair::generate();
  ASSERT_TRUE(adopt_identity(configuration_, brought));
  EXPECT_EQ(find(), brought.node_id().hex());
  EXPECT_EQ(parse_public_pem(read(own_ / "public.pem"))->hex(), brought.node_id().hex());
  EXPECT_EQ(fs::status(own_ / "private.pem").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(adopt_identity(configuration_, brought)) << "it is that node already";
  const auto refused = adopt_identity(configuration_, KeyPair::generate());
  EXPECT_EQ(refused.error().code, Code::exists) << "the pair that it has may be the only copy";
  EXPECT_EQ(find(), brought.node_id().hex());
}

TEST_F(IdentityTest, InASharedDirectoryIsEachMembersOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  write_pair(own_, KeyPair::generate());
  fs::permissions(own_, fs::perms(0775));
  ASSERT_EQ(::chown((own_ / "private.pem").c_str(), 12345, 12345), 0);
  EXPECT_EQ(find(), "(none)");
  const std::string id = find(MissingKey::generate);
  EXPECT_TRUE(NodeId::parse(id)) << id;
  EXPECT_EQ(find(), id);
  EXPECT_NE(parse_public_pem(read(own_ / "public.pem"))->hex(), id);
  for (const auto& place : fs::directory_iterator(home_ / "state"))
    EXPECT_EQ(place.status().permissions(), fs::perms::owner_all);
}

// Whatever is wrong, no new identity takes the place of the old one.
TEST_F(IdentityTest, ThatIsDamagedIsNeverReplaced) {
  const KeyPair pair = KeyPair::generate();
  const std::string good(private_pem(pair).text());
  const auto expect = [&](Code code, const std::string& text, const std::string& advice) {
    const Error refused = error();
    EXPECT_EQ(refused.code, code) << refused.message;
    EXPECT_TRUE(refused.message.contains((own_ / "p").native())) << refused.message;
    EXPECT_TRUE(refused.message.contains(advice)) << refused.message;
    EXPECT_FALSE(refused.message.contains(good.substr(50, 20))) << refused.message;
    EXPECT_EQ(read(own_ / "private.pem"), text);
  };
  for (const std::string& text : {std::string(), good.substr(0, 60), good + "x", std::string(5000, 'A')}) {
    write_pair(own_, pair);
    write(own_ / "private.pem", text);
    expect(Code::corrupt, text, "private.pem");
  }
  write_pair(own_, pair);
  write(own_ / "public.pem", public_pem(KeyPair::generate().node_id()));
  expect(Code::corrupt, good, "bring back the one that fits");
  write(own_ / "public.pem", "-----BEGIN");
  expect(Code::corrupt, good, "remove");
  write_pair(own_, pair);
  fs::remove(own_ / "private.pem");
  expect(Code::corrupt, "", "bring that back");
  write_pair(own_, pair);
  fs::permissions(own_ / "private.pem", fs::perms(0640));
  expect(Code::denied, good, "chmod 600 " + (own_ / "private.pem").native());
}

}  // namespace
}  // namespace kachery
