#include "hub/hub_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "crypto/certificate.h"
#include "crypto/hasher.h"
#include "os/random.h"

namespace kachery::hub {
namespace {

namespace fs = std::filesystem;

class HubDirectoryTest : public testing::Test {
 protected:
  ~HubDirectoryTest() override { fs::remove_all(folder_); }

  std::string content(const char* name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("hub_directory_test_" + random_hex(8));
};

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST_F(HubDirectoryTest, KeepsItsSecretsForItsOwner) {
  const mode_t before = ::umask(0);
  {
    const auto directory = HubDirectory::open(folder_);
    ASSERT_TRUE(directory) << directory.error().message;
    EXPECT_TRUE(directory->is_new());
    ASSERT_TRUE(directory->tokens());
    ASSERT_TRUE(directory->url_key());
    ASSERT_TRUE(directory->own_certificate(std::vector<std::string>{"hub.example"}));
    ASSERT_TRUE(directory->note_address("http://127.0.0.1:1"));
  }
  ::umask(before);
  EXPECT_EQ(mode_of(folder_), 0700U);
  for (const char* name :
       {"admin-token", "metrics-token", "url-key", "certificate.pem", "private-key.pem", "address"})
    EXPECT_EQ(mode_of(folder_ / name), 0600U) << name;
}

// After a restart the same tokens hold, and clients that have pinned the certificate go on.
TEST_F(HubDirectoryTest, KeepsThemOverRestarts) {
  std::set<std::string> pins;
  std::set<Digest> tokens;
  std::set<std::string> url_keys;
  for (int start = 0; start < 2; ++start) {
    const auto directory = HubDirectory::open(folder_);
    ASSERT_TRUE(directory) << directory.error().message;
    EXPECT_EQ(directory->is_new(), start == 0);
    const auto known = directory->tokens();
    ASSERT_TRUE(known);
    tokens.insert(known->administrator);
    tokens.insert(known->metrics);
    url_keys.insert(std::string(directory->url_key()->text()));
    const auto certificate = directory->own_certificate(std::vector<std::string>{"hub.example"});
    ASSERT_TRUE(certificate);
    pins.insert(*certificate_fingerprint(certificate->certificate_chain));
  }
  EXPECT_EQ(tokens.size(), 2U);
  EXPECT_EQ(url_keys.size(), 1U);
  EXPECT_EQ(pins.size(), 1U);
}

TEST_F(HubDirectoryTest, HasTokensThatCanBeKnownForWhatTheyAre) {
  const auto directory = HubDirectory::open(folder_);
  ASSERT_TRUE(directory);
  const auto tokens = directory->tokens();
  ASSERT_TRUE(tokens);
  const std::string line = content("admin-token");
  ASSERT_EQ(line.size(), std::string_view("kachery-admin-").size() + 64 + 1);
  EXPECT_TRUE(line.starts_with("kachery-admin-"));
  EXPECT_TRUE(content("metrics-token").starts_with("kachery-metrics-"));
  const auto token = read_administrator_token(folder_);
  ASSERT_TRUE(token);
  EXPECT_EQ(std::string(token->text()) + "\n", line);
  EXPECT_EQ(Hasher::of(Algorithm::sha256, token->bytes()), tokens->administrator);
}

// Two hubs on one catalog would not see each other's uploads.
TEST_F(HubDirectoryTest, IsServedByOneProcess) {
  {
    const auto first = HubDirectory::open(folder_);
    ASSERT_TRUE(first);
    const auto second = HubDirectory::open(folder_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::exists);
    EXPECT_TRUE(second.error().message.contains(folder_.native()));
  }
  EXPECT_TRUE(HubDirectory::open(folder_));
}

TEST_F(HubDirectoryTest, IsRefusedWhereOthersMayEnterAndTheMessageSaysWhatToRun) {
  fs::create_directory(folder_);
  ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
  const auto open = HubDirectory::open(folder_);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::denied);
  EXPECT_TRUE(open.error().message.contains("chmod 700 " + folder_.native())) << open.error().message;
}

TEST_F(HubDirectoryTest, RefusesSecretsThatOthersMayRead) {
  const auto directory = HubDirectory::open(folder_);
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->tokens());
  ASSERT_EQ(::chmod((folder_ / "admin-token").c_str(), 0644), 0);
  const auto tokens = directory->tokens();
  ASSERT_FALSE(tokens);
  EXPECT_TRUE(tokens.error().message.contains("chmod 600 ")) << tokens.error().message;
  EXPECT_FALSE(read_administrator_token(folder_));
}

// A token that was cut short, or emptied, must not become one that is easy to guess.
TEST_F(HubDirectoryTest, RefusesSecretsThatAreNone) {
  const auto directory = HubDirectory::open(folder_);
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->tokens());
  for (const char* wrong : {"", "\n", "kachery-admin-\n", "kachery-admin-1234\n"}) {
    std::ofstream(folder_ / "admin-token") << wrong;
    const auto tokens = directory->tokens();
    ASSERT_FALSE(tokens) << wrong;
    EXPECT_EQ(tokens.error().code, Code::corrupt);
  }
}

// A first start that was killed between the certificate and its key.
TEST_F(HubDirectoryTest, MakesACertificateWhoseKeyIsMissingAgain) {
  const auto directory = HubDirectory::open(folder_);
  ASSERT_TRUE(directory);
  const std::vector<std::string> hosts{"hub.example"};
  ASSERT_TRUE(directory->own_certificate(hosts));
  fs::remove(folder_ / "private-key.pem");
  const auto again = directory->own_certificate(hosts);
  ASSERT_TRUE(again) << again.error().message;
}

TEST_F(HubDirectoryTest, TellsTheAddressToTheAdministratorsCommands) {
  EXPECT_TRUE(read_local_address(folder_).error().message.contains("kachery hub serve --dir"));
  const auto directory = HubDirectory::open(folder_);
  ASSERT_TRUE(directory);
  for (const char* address : {"http://127.0.0.1:4711", "http://127.0.0.1:4712"}) {
    ASSERT_TRUE(directory->note_address(address));
    EXPECT_EQ(read_local_address(folder_)->str(), address);
  }
}

TEST_F(HubDirectoryTest, SaysWhichFileOfACertificateIsWrong) {
  const auto directory = HubDirectory::open(folder_);
  ASSERT_TRUE(directory);
  ASSERT_TRUE(directory->own_certificate(std::vector<std::string>{"hub.example"}));
  const fs::path certificate = folder_ / "certificate.pem";
  const fs::path key = folder_ / "private-key.pem";
  EXPECT_TRUE(read_certificate(certificate, key));
  EXPECT_TRUE(read_certificate(folder_ / "none", key).error().message.contains("none"));
  EXPECT_TRUE(read_certificate(certificate, folder_ / "none").error().message.contains("none"));
  std::ofstream(certificate) << "nonsense";
  EXPECT_TRUE(
      read_certificate(certificate, key).error().message.contains("certificate.pem is no certificate"));
}

}  // namespace
}  // namespace kachery::hub
