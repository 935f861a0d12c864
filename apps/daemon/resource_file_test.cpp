#include "daemon/resource_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/random.h"

namespace kachery::daemon {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhole =
    "resourceName: example_resource\n"
    "kacheryZone: default\n"
    "maxConcurrentUploads: 2\n"
    "proxyUrl: https://proxy.example\n"
    "proxySecret: 'a: \"b\"'\n";

Result<ResourceSettings> settings_of(const std::string& text) {
  KACHERY_TRY(file, ResourceFile::parse(text, "kachery-resource.yaml"));
  return file.settings();
}

std::string with(const std::string& from, const std::string& to) {
  std::string text = kWhole;
  return text.replace(text.find(from), from.size(), to);
}

TEST(ResourceFile, IsReadAsOlderProgramsWriteIt) {
  const auto settings = settings_of(kWhole);
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->name.str(), "example_resource");
  EXPECT_EQ(settings->zone.str(), "default");
  EXPECT_EQ(settings->uploads_max, 2U);
  EXPECT_EQ(settings->proxy_url.str(), "https://proxy.example");
  EXPECT_EQ(settings->proxy_secret.text(), "a: \"b\"");
  EXPECT_TRUE(settings_of(with("proxySecret: 'a: \"b\"'\n", ""))) << "a hub needs none";
  EXPECT_TRUE(settings_of(with("'a: \"b\"'", "")));
}

TEST(ResourceFile, SaysInWhichLineItMakesNoSense) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"resourceName: [a\n", "kachery-resource.yaml, line"},
      {"", "kachery-resource.yaml, line 1"},
      {"- a\n", "kachery-resource.yaml, line 1"},
      {with("example_resource", "an example"), "line 1: resourceName"},
      {with("example_resource", "[a]"), "line 1: resourceName"},
      {with("default", "../x"), "line 2: kacheryZone"},
      {with("maxConcurrentUploads: 2", "maxConcurrentUploads: 0"), "line 3: maxConcurrentUploads"},
      {with("maxConcurrentUploads: 2", "maxConcurrentUploads: 65"), "line 3: maxConcurrentUploads"},
      {with("maxConcurrentUploads: 2", "maxConcurrentUploads: -1"), "line 3: maxConcurrentUploads"},
      {with("maxConcurrentUploads: 2", "maxConcurrentUploads: 2.5"), "line 3: maxConcurrentUploads"},
      {with("maxConcurrentUploads: 2", "maxConcurrentUploads: two"), "line 3: maxConcurrentUploads"},
      {with("maxConcurrentUploads: 2", "maxConcurrentUploads:"), "line 3: maxConcurrentUploads"},
      {with("maxConcurrentUploads: 2\n", ""), "maxConcurrentUploads is missing"},
      {with("https://proxy.example", "ftp://proxy.example"), "line 4: proxyUrl"},
      {with("maxConcurrentUploads", "maxConcurrentUpload"), "line 3: \"maxConcurrentUpload\" means nothing"},
      {std::string(kWhole) + "proxyUrl: http://x\n", "line 6: proxyUrl is there twice"},
  };
  for (const auto& [text, expected] : cases) {
    const auto settings = settings_of(text);
    ASSERT_FALSE(settings) << text;
    EXPECT_EQ(settings.error().code, Code::invalid) << text;
    EXPECT_TRUE(settings.error().message.contains(expected)) << settings.error().message;
    EXPECT_TRUE(settings.error().message.starts_with("kachery-resource.yaml")) << settings.error().message;
    EXPECT_FALSE(settings.error().message.contains("\"b\"")) << "the secret is shown";
  }
}

TEST(ResourceFile, IsWrittenForItsOwnerAndReadAgain) {
  const fs::path directory = fs::path(testing::TempDir()) / ("resource_file_test_" + random_hex(8));
  fs::create_directories(directory);
  const fs::path path = directory / "kachery-resource.yaml";
  std::ofstream(path) << "anything";
  fs::permissions(path, fs::perms::all);
  ResourceFile file("kachery-resource.yaml");
  file.set(ResourceFile::kName, "true");
  file.set(ResourceFile::kZone, "1e3");
  file.set(ResourceFile::kUploads, "3");
  file.set(ResourceFile::kProxyUrl, "http://127.0.0.1:1#" + std::string(64, 'a'));
  file.set(ResourceFile::kProxySecret, "a: b # \"c\"\\\n\t'd' \xC3\xBC");
  ASSERT_TRUE(file.write(path));
  EXPECT_EQ(fs::status(path).permissions() & fs::perms::mask, fs::perms::owner_read | fs::perms::owner_write);
  const auto read = ResourceFile::read(path);
  ASSERT_TRUE(read) << read.error().message;
  for (const char* key : {ResourceFile::kName, ResourceFile::kZone, ResourceFile::kUploads,
                          ResourceFile::kProxyUrl, ResourceFile::kProxySecret})
    EXPECT_EQ(read->value(key), file.value(key)) << key;
  fs::remove_all(directory);
  EXPECT_EQ(ResourceFile::read(path).error().code, Code::not_found);
}

}  // namespace
}  // namespace kachery::daemon
