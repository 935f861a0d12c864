#include "hub/catalog/resources.h"

#include "hub/catalog/catalog_fixture.h"
#include "hub/catalog/schema.h"

namespace kachery::hub {
namespace {

ResourceId resource(std::string_view name, std::string_view where = "lab") {
  return {zone(where), *ResourceName::parse(name)};
}

constexpr const char* kProxy = "https://proxy.example";

class ResourcesTest : public CatalogTest {
 protected:
  ResourcesTest() {
    must(catalog_->people().add_node(node(1), user("alice"), "", kNow));
    must(catalog_->people().add_node(node(2), user("bob"), "", kNow));
    must(catalog_->zones().create_zone(zone("lab"), user("alice"), kNow));
    must(catalog_->zones().create_zone(zone("other"), user("alice"), kNow));
  }
  Resources& resources() { return catalog_->resources(); }
};

TEST_F(ResourcesTest, ANameBelongsToTheKeyThatRegisteredIt) {
  const ResourceRecord made =
      must(resources().register_resource(resource("data"), node(1), {kProxy, false}, kNow));
  EXPECT_EQ(made.node, node(1));
  EXPECT_EQ(made.user, user("alice"));
  EXPECT_EQ(made.proxy_url, kProxy);
  EXPECT_FALSE(made.older);
  EXPECT_EQ(made.created_ms, kNow);

  const std::string taken = fault(resources().register_resource(resource("data"), node(2), {{}, true}, kNow));
  EXPECT_TRUE(taken.starts_with("exists") && taken.contains(node(1).hex())) << taken;
  const ResourceRecord changed =
      must(resources().register_resource(resource("data"), node(1), {{}, true}, kNow + 5));
  EXPECT_EQ(changed.proxy_url, std::nullopt);
  EXPECT_TRUE(changed.older);
  EXPECT_EQ(changed.created_ms, kNow) << "it is the same registration";
  must(resources().register_resource(resource("data", "other"), node(2), {{}, false}, kNow));

  reopen();
  ASSERT_EQ(must(resources().list(zone("lab"), {})).size(), 1U);
  EXPECT_EQ(must(resources().list(zone("lab"), {}))[0].node, node(1));
  EXPECT_EQ(must(resources().list(zone("other"), resource("data").name))[0].node, node(2));
}

TEST_F(ResourcesTest, FactsKnowEveryName) {
  must(resources().register_resource(resource("data"), node(1), {{}, true}, kNow));
  must(resources().register_resource(resource("more"), node(2), {{}, false}, kNow));
  const Facts facts = must(catalog_->facts());
  ASSERT_EQ(facts.resources.size(), 2U);
  EXPECT_EQ(facts.resources.at(resource("data")).node, node(1));
  EXPECT_TRUE(facts.resources.at(resource("data")).older);
  EXPECT_FALSE(facts.resources.at(resource("more")).older);
}

TEST_F(ResourcesTest, WhatIsRemovedIsFreeForOthers) {
  must(resources().register_resource(resource("data"), node(1), {{}, false}, kNow));
  must(resources().remove(resource("data")));
  EXPECT_TRUE(fault(resources().remove(resource("data"))).starts_with("not_found"));
  must(resources().register_resource(resource("data"), node(2), {{}, false}, kNow));
  EXPECT_TRUE(must(resources().list(zone("lab"), resource("more").name)).empty());
}

TEST_F(ResourcesTest, AZoneTakesItsResourcesAlong) {
  must(resources().register_resource(resource("data"), node(1), {{}, false}, kNow));
  must(catalog_->zones().delete_zone(zone("lab")));
  EXPECT_TRUE(fault(resources().list(zone("lab"), {})).starts_with("not_found"));
  EXPECT_TRUE(
      fault(resources().register_resource(resource("data"), node(1), {}, kNow)).starts_with("not_found"));
  EXPECT_TRUE(must(catalog_->facts()).resources.empty());
}

TEST_F(ResourcesTest, AUserHasAThousandInAZone) {
  for (int i = 0; i < 1'000; ++i)
    must(resources().register_resource(resource("r" + std::to_string(i)), node(1), {{}, false}, kNow));
  EXPECT_TRUE(
      fault(resources().register_resource(resource("data"), node(1), {}, kNow)).starts_with("exhausted"));
  must(resources().register_resource(resource("r5"), node(1), {{}, true}, kNow));
  must(resources().register_resource(resource("data"), node(2), {{}, false}, kNow));
}

// A hub that was updated goes on with what it had.
TEST_F(ResourcesTest, ACatalogOfTheFirstVersionGetsTheTablesThatItLacks) {
  catalog_.reset();
  std::filesystem::remove(path());
  {
    Database database = must(Database::open(path(), Durability::full));
    must(database.run(kSchemaSteps.at(0)));
    must(database.run("PRAGMA user_version = 1"));
    must(database.run("INSERT INTO users(name, created_ms) VALUES('alice', 5)"));
    must(database.run("INSERT INTO zones(name, owner, created_ms) VALUES('lab', 1, 5)"));
  }
  reopen();
  EXPECT_EQ(must(catalog_->zones().zones()).at(0).owner, user("alice"));
  must(catalog_->people().add_node(node(1), user("alice"), "", kNow));
  must(resources().register_resource(resource("data"), node(1), {{}, false}, kNow));
  reopen();
  EXPECT_EQ(must(resources().list(zone("lab"), {})).size(), 1U);
}

}  // namespace
}  // namespace kachery::hub
