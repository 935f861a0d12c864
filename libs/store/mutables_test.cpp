#include "store/mutables.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>

#include "crypto/hasher.h"
#include "os/parallel.h"
#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFeedKey = R"({"type":"feedConfig","feedId":"03a1"})";

class MutablesTest : public testing::Test {
 protected:
  MutablesTest() : home_(fs::path(testing::TempDir()) / ("mutables_test_" + random_hex(8))) {
    fs::create_directories(home_ / "older");
  }
  ~MutablesTest() override { fs::remove_all(home_); }

  // The value, "(none)", or the error's message in brackets.
  static std::string get(Mutables& mutables, std::string_view key) {
    const auto value = mutables.get(key);
    return !value ? "(" + value.error().message + ")" : value->value_or("(none)");
  }
  std::string get(std::string_view key) { return get(mutables_, key); }

  static bool set(Mutables& mutables, std::string_view key, std::string_view value,
                  Existing existing = Existing::replace) {
    const auto outcome = mutables.set(key, value, existing);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome && *outcome;
  }
  bool set(std::string_view key, std::string_view value, Existing existing = Existing::replace) {
    return set(mutables_, key, value, existing);
  }

  bool remove(std::string_view key) {
    const auto outcome = mutables_.remove(key);
    EXPECT_TRUE(outcome) << outcome.error().message;
    return outcome && *outcome;
  }

  std::string keys() {
    const auto mutables = mutables_.list();
    if (!mutables) return "(" + mutables.error().message + ")";
    std::string keys;
    for (const Mutable& one : *mutables) keys += one.key + " ";
    return keys;
  }

  // What gen1's daemon would have in this directory.
  static void make_gen1(const fs::path& directory, const std::string& rows) {
    auto database = Database::open(directory / "mutables.db", Durability::full, Journal::rollback);
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(database->run("CREATE TABLE mutables (sha1 TEXT PRIMARY KEY, key TEXT, value TEXT)"));
    ASSERT_TRUE(database->run(rows.c_str()));
  }

  static std::string row(const std::string& key, const std::string& value) {
    return "INSERT INTO mutables VALUES('" + Hasher::of(Algorithm::sha1, as_bytes(key)).hex() + "', '" + key +
           "', '" + value + "');";
  }

  fs::path home_;
  Mutables mutables_{home_ / "store", Audience::readers, {home_ / "older"}};
};

TEST_F(MutablesTest, KeepWhatWasSet) {
  EXPECT_EQ(get("\"k\""), "(none)");
  EXPECT_TRUE(set("\"k\"", "[1,{\"a\":2.50}]"));
  EXPECT_EQ(get("\"k\""), "[1,{\"a\":2.50}]") << "as it was written";
  EXPECT_FALSE(set("\"k\"", "2", Existing::keep));
  EXPECT_EQ(get("\"k\""), "[1,{\"a\":2.50}]");
  EXPECT_TRUE(set("\"k\"", "2"));
  EXPECT_EQ(get("\"k\""), "2");
  EXPECT_TRUE(set("\"other\"", "3", Existing::keep));
  EXPECT_EQ(keys(), "\"k\" \"other\" ");
  EXPECT_TRUE(remove("\"k\""));
  EXPECT_FALSE(remove("\"k\""));
  EXPECT_EQ(get("\"k\""), "(none)");
  Mutables reopened(home_ / "store", Audience::readers, {});
  EXPECT_EQ(get(reopened, "\"other\""), "3");
}

TEST_F(MutablesTest, LookingMakesNothing) {
  EXPECT_EQ(get("\"k\""), "(none)");
  EXPECT_FALSE(remove("\"k\""));
  EXPECT_EQ(keys(), "");
  EXPECT_FALSE(fs::exists(home_ / "store"));
}

// A long integer, or a double with 17 digits, must come back as the same number in Python.
TEST_F(MutablesTest, NeverAlterTheNumbersOfAValue) {
  for (const char* value : {"123456789012345678901234567890", "9007199254740993",
                            "0.1000000000000000055511151231257827", "1e400000", "-0.0", "1E2"}) {
    if (!mutables_.set("\"k\"", value, Existing::replace)) continue;  // 1e400000 is refused, not altered.
    EXPECT_EQ(get("\"k\""), value);
  }
}

TEST_F(MutablesTest, AreFoundHoweverTheirKeyIsWritten) {
  EXPECT_TRUE(set("{\"b\" : [1.0], \"a\":\"\\u00e9\"}", "1"));
  EXPECT_EQ(get("{\"a\":\"\u00e9\",\"b\":[1]}"), "1");
  EXPECT_EQ(keys(), "{\"a\":\"\u00e9\",\"b\":[1]} ");
}

TEST_F(MutablesTest, RefuseKeysAndValuesThatAreNoneOrNoJson) {
  for (const char* text : {"null", " null ", "", "{", "nan", "[1,]", "\"\xFF\"", "'a'"}) {
    EXPECT_EQ(mutables_.get(text).error().code, Code::invalid) << text;
    EXPECT_EQ(mutables_.set(text, "1", Existing::replace).error().code, Code::invalid) << text;
    EXPECT_EQ(mutables_.set("\"k\"", text, Existing::replace).error().code, Code::invalid) << text;
    EXPECT_EQ(mutables_.remove(text).error().code, Code::invalid) << text;
  }
  EXPECT_TRUE(get("null").contains("the key of a mutable cannot be null (None)"));
  EXPECT_FALSE(fs::exists(home_ / "store")) << "and nothing was made";
}

// As doubles they are one key, and one mutable would overwrite the other.
TEST_F(MutablesTest, RefuseIntegersInKeysThatDoublesConfuse) {
  for (const char* key : {"9007199254740993", "{\"id\":[-9007199254740992]}", "100000000000000000000001"})
    EXPECT_EQ(mutables_.set(key, "1", Existing::replace).error().code, Code::invalid) << key;
  EXPECT_TRUE(set("[9007199254740991,1e22]", "1"));
}

// Step by step what gen1's daemon would find, which made the database.
TEST_F(MutablesTest, OfTheFirstGenerationAreUsedInPlace) {
  fs::create_directory(home_ / "store");
  const std::string key = R"({"feed_name":"n","type":"feed_id_for_name"})";
  make_gen1(home_ / "store", row(key, "\"f00\"") + row("\"k\"", "1"));
  EXPECT_EQ(get(R"({"type": "feed_id_for_name", "feed_name": "n"})"), "\"f00\"");
  EXPECT_TRUE(set("\"k\"", "2"));
  EXPECT_TRUE(set("[\"new\"]", "3"));
  EXPECT_TRUE(remove(key));

  auto database = Database::open_read_only(home_ / "store" / "mutables.db");
  ASSERT_TRUE(database) << database.error().message;
  auto rows =
      database->prepare("SELECT sha1, key, value, typeof(key), typeof(value) FROM mutables ORDER BY value");
  ASSERT_TRUE(rows && *rows->step());
  EXPECT_EQ(rows->column_text(1), "\"k\"");
  EXPECT_EQ(rows->column_text(2), "2");
  ASSERT_TRUE(*rows->step());
  EXPECT_EQ(rows->column_text(0), Hasher::of(Algorithm::sha1, as_bytes("[\"new\"]")).hex());
  EXPECT_EQ(rows->column_text(1), "[\"new\"]");
  EXPECT_EQ(rows->column_text(3), "text");
  EXPECT_EQ(rows->column_text(4), "text");
  EXPECT_FALSE(*rows->step());
  EXPECT_EQ(std::distance(fs::directory_iterator(home_ / "store"), {}), 1) << "one file at rest, as it was";
}

// gen1's daemon gave feed keys to whoever asked.
TEST_F(MutablesTest, NeverShowWhereTheFirstGenerationKeptSecrets) {
  const std::string canonical = R"({"feedId":"03a1","type":"feedConfig"})";
  const std::string rows = row(canonical, R"({"feedId":"03a1","privateKey":"CANARY"})") +
                           row("\"_other_client_auth_codes\"", "[\"CANARY\"]") + row("\"k\"", "1");
  fs::create_directory(home_ / "store");
  make_gen1(home_ / "store", rows);
  make_gen1(home_ / "older", rows);
  for (const char* key :
       {kFeedKey, R"({"feedId":"03a1","type":"feedConfig"})", R"({"\u0074ype":"feedConfig", "feedId":1})",
        "\"_other_client_auth_codes\"", " \"\\u005fother_client_auth_codes\""}) {
    const auto got = mutables_.get(key);
    ASSERT_FALSE(got) << key;
    EXPECT_EQ(got.error().code, Code::denied);
    EXPECT_FALSE(got.error().message.contains("CANARY"));
    EXPECT_EQ(mutables_.set(key, "1", Existing::replace).error().code, Code::denied) << key;
    EXPECT_EQ(mutables_.set(key, "1", Existing::keep).error().code, Code::denied) << key;
    EXPECT_EQ(mutables_.remove(key).error().code, Code::denied) << key;
  }
  EXPECT_EQ(keys(), "\"k\" ");
  EXPECT_EQ(get(R"({"type":"feedConfig"})"), "(none)") << "other keys are other keys";
}

TEST_F(MutablesTest, OfOlderDirectoriesAreFoundAndNeverChanged) {
  make_gen1(home_ / "older", row("\"a\"", "1") + row("\"b\"", "2"));
  const auto before = fs::last_write_time(home_ / "older" / "mutables.db");
  EXPECT_EQ(get("\"a\""), "1");
  EXPECT_FALSE(set("\"a\"", "9", Existing::keep));
  EXPECT_TRUE(set("\"a\"", "9"));
  EXPECT_EQ(get("\"a\""), "9") << "ours is looked at first";
  EXPECT_EQ(keys(), "\"a\" \"b\" ");

  EXPECT_TRUE(remove("\"a\""));
  EXPECT_EQ(get("\"a\""), "(none)") << "deleted stays deleted, though it is still there";
  EXPECT_FALSE(remove("\"a\""));
  EXPECT_TRUE(remove("\"b\""));
  EXPECT_EQ(keys(), "");
  EXPECT_TRUE(set("\"b\"", "3", Existing::keep)) << "what was deleted may come anew";
  EXPECT_EQ(get("\"b\""), "3");

  Mutables older(home_ / "older", Audience::readers, {});
  EXPECT_EQ(get(older, "\"a\""), "1");
  EXPECT_EQ(fs::last_write_time(home_ / "older" / "mutables.db"), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(home_ / "older"), {}), 1);
}

TEST_F(MutablesTest, SayThatTheFileIsNoDatabase) {
  fs::create_directory(home_ / "store");
  std::ofstream(home_ / "store" / "mutables.db") << std::string(5000, 'x');
  EXPECT_EQ(mutables_.get("\"k\"").error().code, Code::corrupt);
  EXPECT_TRUE(get("\"k\"").contains("mutables.db"));
  EXPECT_EQ(mutables_.set("\"k\"", "1", Existing::replace).error().code, Code::corrupt);
}

// Each has a connection of its own, as processes do, sets its own keys, and fights with all others over one.
// Nothing that was set may be missing.
TEST_F(MutablesTest, SurviveManyWritersAtOnce) {
  constexpr std::size_t kWriters = 8;
  constexpr std::size_t kKeys = 8;
  std::atomic<int> winners = 0;
  const auto write = [&](std::size_t writer) -> Result<> {
    Mutables mine(home_ / "store", Audience::readers, {});
    for (std::size_t i = 0; i < kKeys; ++i) {
      const std::string key = "[" + std::to_string(writer) + "," + std::to_string(i) + "]";
      KACHERY_TRY(own, mine.set(key, std::to_string(i), Existing::keep));
      if (!own) return fail(Code::internal, "somebody else set " + key);
      KACHERY_TRY(shared, mine.set("\"shared\"", std::to_string(writer), Existing::keep));
      winners += shared ? 1 : 0;
    }
    return {};
  };
  const Result<> written = parallel_for(kWriters, kWriters, write);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(winners, 1) << "whoever was told so has set it";
  const auto all = mutables_.list();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), kWriters * kKeys + 1);
}

}  // namespace
}  // namespace kachery
