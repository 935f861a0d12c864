// What the catalog's tests share: a catalog in a folder of its own, and names.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "hub/catalog/catalog.h"
#include "os/random.h"

namespace kachery::hub {

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;

inline UserName user(std::string_view name) {
  return *UserName::parse(name);
}

inline ZoneName zone(std::string_view name) {
  return *ZoneName::parse(name);
}

inline NodeId node(unsigned char number) {
  NodeId::Key key{};
  key[0] = std::byte{number};
  return NodeId(key);
}

// Fails the test where there is an error, and says which.
template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << result.error().message;
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// "" for success, else the code and the message.
template <class T>
std::string fault(const Result<T>& result) {
  return result ? "" : std::string(code_name(result.error().code)) + ": " + result.error().message;
}

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() : home_(std::filesystem::path(testing::TempDir()) / ("catalog_test_" + random_hex(8))) {
    std::filesystem::create_directories(home_);
    reopen();
  }
  ~CatalogTest() override {
    catalog_.reset();
    std::filesystem::remove_all(home_);
  }

  std::filesystem::path path() const { return home_ / "catalog.db"; }
  void reopen() {
    catalog_.reset();
    catalog_ = must(Catalog::open(path()));
  }

  std::filesystem::path home_;
  std::unique_ptr<Catalog> catalog_;
};

}  // namespace kachery::hub
