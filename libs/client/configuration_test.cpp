#include "client/configuration.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>

#include "client/settings.h"
#include "os/random.h"

namespace kachery {
namespace {

namespace fs = std::filesystem;

constexpr std::array kVariables{
    "KACHERY_DIR",        "KACHERY_OFFLINE_STORAGE_DIR", "KACHERY_CLOUD_DIR",         "KACHERY_STORAGE_DIR",
    "KACHERY_CONFIG_DIR", "KACHERY_STATE_DIR",           "KACHERY_CONTEXT",           "KACHERY_GATEWAY_URL",
    "KACHERY_ZONE",       "KACHERY_CLOUD_USE_SANDBOX",   "KACHERY_CLOUD_SANDBOX_DIR", "XDG_CONFIG_HOME",
    "XDG_STATE_HOME"};

// A home of its own, and no variable set.
class ConfigurationTest : public testing::Test {
 protected:
  ConfigurationTest() : home_(fs::path(testing::TempDir()) / ("configuration_test_" + random_hex(8))) {
    for (const char* name : kVariables) ::unsetenv(name);
    ::setenv("HOME", home_.c_str(), 1);
    fs::create_directories(home_ / ".config/kachery");
  }
  ~ConfigurationTest() override {
    for (const char* name : kVariables) ::unsetenv(name);
    fs::remove_all(home_);
  }

  fs::path user_file() const { return home_ / ".config/kachery/config.yaml"; }

  static void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  static std::string content_of(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path home_;
};

std::string error_of(const auto& result) {
  return result ? "" : result.error().message;
}

TEST_F(ConfigurationTest, TakesTheFirstVariableThatIsSet) {
  EXPECT_EQ(configure({})->directory, home_ / ".kachery");
  ::setenv("KACHERY_STORAGE_DIR", "/one", 1);
  EXPECT_EQ(configure({})->directory, "/one");
  ::setenv("KACHERY_CLOUD_DIR", "/two", 1);
  EXPECT_EQ(configure({})->directory, "/two");
  EXPECT_FALSE(configure({})->offline);
  ::setenv("KACHERY_OFFLINE_STORAGE_DIR", "/three", 1);
  EXPECT_EQ(configure({})->directory, "/three");
  EXPECT_TRUE(configure({})->offline);
  ::setenv("KACHERY_DIR", "", 1);
  EXPECT_EQ(configure({})->directory, "/three") << "empty counts as unset";
  ::setenv("KACHERY_DIR", "/four", 1);
  EXPECT_EQ(configure({})->directory, "/four");
  EXPECT_EQ(configure({})->directory_origin, "KACHERY_DIR");
  EXPECT_FALSE(configure({})->offline);
  EXPECT_EQ(configure({.directory = "/five"})->directory_origin, "--dir");
}

// Somebody who sets something in a nearer place must not get what a farther one says.
TEST_F(ConfigurationTest, NearerSettingsCountBeforeFartherOnes) {
  const auto zone = [](const Flags& flags = {}) {
    const auto configuration = configure(flags);
    EXPECT_TRUE(configuration) << error_of(configuration);
    return configuration->zone.value + " " + configuration->zone.origin;
  };
  EXPECT_EQ(zone(), "default default");
  write(user_file(), "zone: user\ncontexts: {lab: {zone: of-lab}, home: {directory: ~/x}}\n");
  EXPECT_EQ(zone(), "user " + user_file().native());
  const fs::path store_file = home_ / ".kachery/config.yaml";
  write(store_file, "zone: store");
  EXPECT_EQ(zone(), "store " + store_file.native());
  ::setenv("KACHERY_CONTEXT", "lab", 1);
  EXPECT_EQ(zone(), "of-lab context lab");
  ::setenv("KACHERY_ZONE", "env", 1);
  EXPECT_EQ(zone(), "env KACHERY_ZONE");
  EXPECT_EQ(zone({.context = "lab"}), "of-lab context lab") << "a flag is nearer than a variable";
  EXPECT_EQ(configure({.context = "home"})->directory, home_ / "x");
  EXPECT_EQ(configure({.context = "home"})->zone.value, "env") << "which this context does not name";
}

TEST_F(ConfigurationTest, TheHubComesWithoutASlashAtItsEnd) {
  EXPECT_EQ(configure({})->gateway_url.value, "");
  write(user_file(), "gatewayUrl: https://hub.example/kachery//\n");
  EXPECT_EQ(configure({})->gateway_url.value, "https://hub.example/kachery");
}

TEST_F(ConfigurationTest, OlderDirectoriesAreReadOnlyWhereNothingIsSet) {
  fs::create_directory(home_ / "kachery-storage");
  EXPECT_EQ(configure({})->also_read, std::vector{home_ / "kachery-storage"});
  write(user_file(), "directory: ~/mine");
  EXPECT_EQ(configure({})->directory, home_ / "mine");
  EXPECT_TRUE(configure({})->also_read.empty());
}

TEST_F(ConfigurationTest, ASandboxHidesEverythingButTheKeys) {
  fs::create_directory(home_ / ".kachery-cloud");
  ::setenv("KACHERY_CLOUD_USE_SANDBOX", "1", 1);
  EXPECT_NE(error_of(configure({})).find("KACHERY_CLOUD_SANDBOX_DIR"), std::string::npos);
  ::setenv("KACHERY_CLOUD_SANDBOX_DIR", "/sand", 1);
  const auto configuration = configure({});
  EXPECT_EQ(configuration->directory, "/sand");
  EXPECT_EQ(configuration->directory_origin, "KACHERY_CLOUD_SANDBOX_DIR");
  EXPECT_TRUE(configuration->also_read.empty());
  EXPECT_EQ(*key_directories(*configuration), (std::vector{home_ / ".kachery", home_ / ".kachery-cloud"}));
  ::setenv("KACHERY_CLOUD_USE_SANDBOX", "0", 1);
  EXPECT_EQ(configure({})->directory, home_ / ".kachery");
}

// A setting that cannot be understood must not quietly become the default: data would go to another place.
TEST_F(ConfigurationTest, DamagedSettingsAreRefusedAndUnknownOnesAreNot) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"zone: [a", "no YAML"},           {"- a\n- b", "name: value"},
      {"zone: [a]", "zone must be"},     {"directory: relative/path", "absolute path"},
      {"directory: {a: b}", "a text"},   {"maxCacheSizeGiB: many", "number of gigabytes"},
      {"maxCacheSizeGiB: -1", "number"}, {"maxCacheSizeGiB: .inf", "number"},
      {"contexts: lab", "contexts"},     {"contexts: {lab: {zone: [1]}}", "zone must be"},
      {"context: nowhere", "nowhere"},   {"zone: \"\"", "a text"},
  };
  for (const auto& [text, says] : cases) {
    write(user_file(), text);
    const auto configuration = configure({});
    ASSERT_FALSE(configuration) << text;
    EXPECT_EQ(configuration.error().code, Code::invalid) << text;
    EXPECT_NE(error_of(configuration).find(says), std::string::npos) << error_of(configuration);
    EXPECT_NE(error_of(configuration).find(user_file().native()), std::string::npos)
        << error_of(configuration);
  }
  write(user_file(), "multiuser: true\nzone: z\nnested: {a: [1, {b: 2}]}\ncontexts: {lab: {colour: red}}\n");
  EXPECT_EQ(configure({})->zone.value, "z");
  EXPECT_EQ((*read_settings(user_file()))->unknown,
            (std::vector<std::string>{"multiuser", "nested", "contexts.lab.colour"}));
  write(user_file(), "");
  EXPECT_TRUE(configure({}));
}

// Within the resolution of a file's times, too: what counts is what the file says now.
TEST_F(ConfigurationTest, AChangedFileIsReadAgain) {
  for (int round = 0; round < 50; ++round) {
    const std::string zone = "zone" + std::to_string(10 + round);
    write(user_file(), "zone: " + zone);
    EXPECT_EQ(configure({})->zone.value, zone);
  }
  fs::remove(user_file());
  EXPECT_EQ(configure({})->zone.value, "default");
}

TEST_F(ConfigurationTest, TheCacheLimitIsInUnitsOfATenToTheNinth) {
  ::setenv("KACHERY_DIR", (home_ / "store").c_str(), 1);
  const auto limit = [] { return *cache_limit(*configure({})); };
  EXPECT_EQ(limit().value, std::nullopt);
  write(user_file(), "maxCacheSizeGiB: 2");
  EXPECT_EQ(limit().value, 2'000'000'000);
  write(home_ / "store/kachery.yaml", "maxCacheSizeGiB: 1.5\n");
  EXPECT_EQ(limit().value, 1'500'000'000);
  EXPECT_EQ(limit().origin, (home_ / "store/kachery.yaml").native());
  write(home_ / "store/config.yaml", "maxCacheSizeGiB: 0");
  EXPECT_EQ(limit().value, 0);
}

TEST_F(ConfigurationTest, ChangingContextsKeepsWhateverElseIsInTheFile) {
  write(user_file(), "zone: z\nname: \"123\"\nlist: [1, two]\ncontexts: {lab: {zone: a, colour: red}}\n");
  const auto add = [](Settings& settings) -> Result<> {
    settings.contexts["field"] = {.directory = "/field", .zone = "7"};
    settings.contexts["lab"].zone = "b";
    settings.context = "field";
    return {};
  };
  ASSERT_TRUE(change_contexts(user_file(), add));
  const auto settings = *read_settings(user_file());
  EXPECT_EQ(settings->whereabouts.zone, "z");
  EXPECT_EQ(settings->context, "field");
  EXPECT_EQ(settings->contexts.at("field").directory, "/field");
  EXPECT_EQ(settings->contexts.at("lab").zone, "b");
  EXPECT_EQ(settings->unknown, (std::vector<std::string>{"name", "list", "contexts.lab.colour"}));
  EXPECT_NE(content_of(user_file()).find("name: \"123\""), std::string::npos) << content_of(user_file());
  EXPECT_NE(content_of(user_file()).find("\"7\""), std::string::npos) << "a text for every reader";

  const std::string before = content_of(user_file());
  const auto refuse = [](Settings&) -> Result<> { return fail(Code::exists, "no"); };
  EXPECT_EQ(change_contexts(user_file(), refuse).error().code, Code::exists);
  EXPECT_EQ(content_of(user_file()), before);
}

TEST_F(ConfigurationTest, ContextsMayBeTheFirstThingInAFileThatIsALink) {
  const fs::path real = home_ / "dotfiles/kachery.yaml";
  fs::create_directory(home_ / "dotfiles");
  fs::create_symlink(real, user_file());
  const auto add = [](Settings& settings) -> Result<> {
    settings.contexts["lab"] = {};
    settings.context = "lab";
    return {};
  };
  ASSERT_TRUE(change_contexts(user_file(), add));
  EXPECT_TRUE(fs::is_symlink(user_file()));
  EXPECT_TRUE((*read_settings(real))->contexts.contains("lab"));
  EXPECT_EQ((*read_settings(real))->context, "lab");
}

// A database on a network file system is damaged sooner or later, and a key there belongs to every host.
TEST_F(ConfigurationTest, WhatMayNotLieInTheStoreLiesInThePlaceOfItsState) {
  EXPECT_EQ(*choose_place({"/store", true}, {"/state", false}), "/store");
  const auto one = choose_place({"/store", false}, {"/state", true});
  EXPECT_EQ(one->parent_path(), "/state");
  EXPECT_NE(*one, *choose_place({"/other", false}, {"/state", true})) << "each store has its own";
  EXPECT_EQ(*one, *choose_place({"/store/../store", false}, {"/state", true})) << "however it is written";
  for (const char* state : {"/state", ""}) {
    const auto refused = choose_place({"/store", false}, {state, false});
    EXPECT_EQ(refused.error().code, Code::invalid);
    EXPECT_NE(error_of(refused).find("KACHERY_STATE_DIR"), std::string::npos);
  }
}

TEST_F(ConfigurationTest, KeysAreMadeWhereNobodyElseMayWrite) {
  const fs::path store = home_ / "store";
  ::setenv("KACHERY_DIR", store.c_str(), 1);
  EXPECT_EQ(*key_directories(*configure({})), std::vector{store});
  fs::create_directory(store);
  fs::permissions(store, fs::perms(0755));
  EXPECT_EQ(*key_directories(*configure({})), std::vector{store});
  fs::permissions(store, fs::perms(02775));
  const auto places = *key_directories(*configure({}));
  ASSERT_EQ(places.size(), 2);
  EXPECT_EQ(places[0].parent_path(), home_ / ".local/state/kachery");
  EXPECT_EQ(places[1], store) << "keys that are there already still count";
  EXPECT_EQ(*database_directory(*configure({})), store);
  EXPECT_FALSE(fs::exists(home_ / ".local")) << "asking makes nothing";
}

}  // namespace
}  // namespace kachery
