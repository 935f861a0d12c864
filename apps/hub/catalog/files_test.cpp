#include "hub/catalog/files.h"

#include <set>

#include "hub/catalog/upload_fixture.h"

namespace kachery::hub {
namespace {

using FilesTest = UploadTest;

TEST_F(FilesTest, AreFoundInTheOrderOfTheQuestion) {
  ASSERT_EQ(word(add_small(alice(), "a")), "stored");
  ASSERT_EQ(word(add_small(alice(), "b")), "stored");
  const std::vector<Digest> asked{sha1_of("b"), sha1_of("none"), sha1_of("a"), sha256_of("a"), sha1_of("b")};
  const auto found = must(catalog_->files().find(zone("lab"), {.zone = true}, asked));
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[0]->chunk, sha256_of("b"));
  EXPECT_FALSE(found[1]);
  EXPECT_EQ(found[2]->chunk, sha256_of("a"));
  EXPECT_FALSE(found[3]) << "a name by another hash is another name";
  EXPECT_EQ(found[4]->digest, sha1_of("b"));
  EXPECT_TRUE(fault(catalog_->files().find(zone("nowhere"), {.zone = true}, asked)).starts_with("not_found"));
  must(catalog_->zones().create_zone(zone("other"), user("bob"), kNow));
  EXPECT_FALSE(must(catalog_->files().find(zone("other"), {.zone = true}, asked)).at(0))
      << "zones share nothing";
}

TEST_F(FilesTest, StayUntilTheLastOfTheirOwnersRemovesThem) {
  ASSERT_EQ(word(add_small(alice(), "shared")), "stored");
  ASSERT_EQ(word(add_small(bob(), "shared")), "stored");
  EXPECT_TRUE(remove(bob(), sha1_of("shared")));
  EXPECT_FALSE(remove(bob(), sha1_of("shared"))) << "it is not his any more";
  EXPECT_FALSE(remove(carol(), sha1_of("shared")));
  EXPECT_TRUE(find(sha1_of("shared")));
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(bytes_of(alice()), 6U);
  ASSERT_EQ(word(add_small(bob(), "shared")), "stored");
  const std::vector<Digest> both{sha1_of("shared"), sha1_of("none")};
  EXPECT_EQ(must(catalog_->files().remove(zone("lab"), both, std::nullopt)),
            (std::vector<bool>{true, false}));
  EXPECT_FALSE(find(sha1_of("shared")));
  EXPECT_EQ(bytes_of(bob()), 0U);
  EXPECT_EQ(must(catalog_->zones().zones()).at(0).quota.objects, 0U);
}

TEST_F(FilesTest, AreListedPageByPage) {
  for (int i = 0; i < 25; ++i) ASSERT_EQ(word(add_small(alice(), std::to_string(i))), "stored");
  for (int i = 20; i < 30; ++i) ASSERT_EQ(word(add_small(bob(), std::to_string(i))), "stored");
  const auto list = [&](const std::optional<UserName>& whose) {
    std::multiset<std::string> names;
    std::optional<std::string> after;
    do {
      const FilePage page = must(catalog_->files().list(zone("lab"), whose, after, 7));
      EXPECT_LE(page.files.size(), 7U);
      for (const ListedRecord& file : page.files) names.insert(file.digest.hex() + file.user.str());
      after = page.next;
    } while (after);
    return names;
  };
  EXPECT_EQ(list(user("alice")).size(), 25U);
  EXPECT_EQ(list(user("bob")).size(), 10U);
  const auto all = list(std::nullopt);
  EXPECT_EQ(all.size(), 35U);
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 35U);
  EXPECT_TRUE(list(user("carol")).empty());
  const FilePage page = must(catalog_->files().list(zone("lab"), user("bob"), std::nullopt, 1));
  EXPECT_EQ(page.files[0].digest, sha1_of("20"));
  EXPECT_EQ(page.files[0].node, node(2));
  EXPECT_EQ(page.files[0].stored_ms, kNow);
  EXPECT_EQ(page.files[0].size, 2U);
  EXPECT_TRUE(page.files[0].checked);
  for (const char* wrong : {"", "1", "1.", ".1", "a.b", "1.2x", "1.99999999999999999999"})
    EXPECT_TRUE(fault(catalog_->files().list(zone("lab"), std::nullopt, wrong, 7)).starts_with("invalid"))
        << wrong;
}

}  // namespace
}  // namespace kachery::hub
