#include "hub/catalog/catalog.h"

#include <fstream>

#include "crypto/hasher.h"
#include "hub/catalog/catalog_fixture.h"

namespace kachery::hub {
namespace {

TEST_F(CatalogTest, OfANewerProgramIsNotTouched) {
  catalog_.reset();
  {
    Database database = must(Database::open(path(), Durability::full));
    must(database.run("PRAGMA user_version = 1000"));
  }
  const auto opened = Catalog::open(path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::invalid);
  EXPECT_TRUE(opened.error().message.contains("a newer kachery made it")) << opened.error().message;
}

TEST_F(CatalogTest, SaysThatADatabaseIsSomethingElse) {
  catalog_.reset();
  const auto other = home_ / "other.db";
  must(must(Database::open(other, Durability::full)).run("CREATE TABLE t(a)"));
  EXPECT_TRUE(fault(Catalog::open(other)).contains("no catalog of a hub"));
  std::ofstream(home_ / "text.db") << std::string(5000, 'x');
  EXPECT_EQ(Catalog::open(home_ / "text.db").error().code, Code::corrupt);
}

TEST_F(CatalogTest, KeepsEverythingOverReopening) {
  must(catalog_->people().add_node(node(1), user("alice"), "laptop", kNow));
  must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
  const ZoneSettings settings{true, false, {{user("bob"), {.upload = true}}}};
  must(catalog_->zones().set_settings(zone("lab"), settings));
  reopen();
  const Facts facts = must(catalog_->facts());
  ASSERT_EQ(facts.nodes.size(), 1U);
  EXPECT_EQ(facts.nodes.at(node(1)).user, user("alice"));
  EXPECT_EQ(facts.nodes.at(node(1)).label, "laptop");
  ASSERT_EQ(facts.zones.size(), 1U);
  EXPECT_EQ(facts.zones.at(zone("lab")).owner, user("alice"));
  EXPECT_EQ(facts.zones.at(zone("lab")).settings, settings);
}

TEST_F(CatalogTest, FactsSayAtOnceWhoIsRevokedOrDisabled) {
  must(catalog_->people().add_node(node(1), user("alice"), "", kNow));
  must(catalog_->people().add_node(node(2), user("alice"), "", kNow));
  must(catalog_->people().add_node(node(3), user("bob"), "", kNow));
  must(catalog_->people().revoke_node(node(1), kNow));
  must(catalog_->people().set_user_disabled(user("bob"), true));
  Facts facts = must(catalog_->facts());
  EXPECT_TRUE(facts.nodes.at(node(1)).revoked);
  EXPECT_FALSE(facts.nodes.at(node(2)).revoked);
  EXPECT_TRUE(facts.nodes.at(node(3)).user_disabled);
  EXPECT_FALSE(facts.nodes.at(node(2)).user_disabled);
  must(catalog_->people().set_user_disabled(user("bob"), false));
  facts = must(catalog_->facts());
  EXPECT_FALSE(facts.nodes.at(node(3)).user_disabled);
}

TEST_F(CatalogTest, ZonesAreMadeOnceAndDeletedWhole) {
  Zones& zones = catalog_->zones();
  EXPECT_TRUE(fault(zones.create_zone(zone("lab"), user("alice"), kNow)).starts_with("not_found"));
  must(catalog_->people().create_user(user("alice"), kNow));
  must(zones.create_zone(zone("lab"), user("alice"), kNow));
  EXPECT_TRUE(fault(zones.create_zone(zone("lab"), user("alice"), kNow)).starts_with("exists"));
  must(zones.set_quota(zone("lab"), std::nullopt, {100, 10}));
  must(zones.set_quota(zone("lab"), user("alice"), {50, std::nullopt}));
  must(zones.set_settings(zone("lab"), {false, true, {{user("x"), {}}}}));
  const UsageRecord record{"2026-11-22", zone("lab"), std::nullopt, 1, 2, 3, 4};
  must(catalog_->usage().add_usage({&record, 1}));
  const auto list = must(zones.zones());
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0].zone, zone("lab"));
  EXPECT_EQ(list[0].quota.max.bytes, 100U);
  EXPECT_EQ(list[0].quota.max.objects, 10U);
  EXPECT_EQ(must(zones.quota_of(zone("lab"), user("alice"))).max.bytes, 50U);
  EXPECT_EQ(must(zones.quota_of(zone("lab"), user("alice"))).max.objects, std::nullopt);

  must(zones.delete_zone(zone("lab")));
  EXPECT_TRUE(must(zones.zones()).empty());
  EXPECT_TRUE(fault(zones.delete_zone(zone("lab"))).starts_with("not_found"));
  must(zones.create_zone(zone("lab"), user("alice"), kNow));
  EXPECT_EQ(must(zones.quota_of(zone("lab"), user("alice"))).max.bytes, std::nullopt)
      << "a new zone begins anew";
  EXPECT_TRUE(must(catalog_->usage().usage(zone("lab"), "2026-01-01", "2026-12-31")).empty());
}

TEST_F(CatalogTest, UsageAddsUpByDayAndNode) {
  must(catalog_->people().create_user(user("alice"), kNow));
  must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
  const std::vector<UsageRecord> first{{"2026-11-21", zone("lab"), node(1), 1, 10, 0, 0},
                                       {"2026-11-22", zone("lab"), node(1), 1, 10, 2, 20},
                                       {"2026-11-22", zone("lab"), std::nullopt, 0, 0, 1, 5},
                                       {"2026-11-22", zone("gone"), node(1), 7, 7, 7, 7}};
  must(catalog_->usage().add_usage(first));
  must(catalog_->usage().add_usage({first.data() + 1, 1}));
  const auto days = must(catalog_->usage().usage(zone("lab"), "2026-11-22", "2026-11-30"));
  ASSERT_EQ(days.size(), 2U);
  EXPECT_EQ(days[0].node, std::nullopt);
  EXPECT_EQ(days[0].download_bytes, 5U);
  EXPECT_EQ(days[1].node, node(1));
  EXPECT_EQ(days[1].uploads, 2U);
  EXPECT_EQ(days[1].upload_bytes, 20U);
  EXPECT_EQ(days[1].downloads, 4U);
  EXPECT_EQ(days[1].download_bytes, 40U);
}

}  // namespace
}  // namespace kachery::hub
