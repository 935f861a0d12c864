#include "hub/gateway/resource_handlers.h"

#include <set>
#include <sstream>

#include "hub/gateway/gateway_fixture.h"
#include "hub/rendezvous/fake_provider.h"

namespace kachery::hub {
namespace {

ResourceName named(const std::string& name) {
  return ResourceName::parse(name).value();
}

class ResourceRoutesTest : public HubTest {
 protected:
  ResourceRoutesTest() {
    add_node(alices, "alice");
    add_node(alices_second, "alice");
    add_node(bobs, "bob");
    add_node(owners, "owner");
    grant({.upload = true}, {.upload = true});
  }

  void grant(const UserRights& alice, const UserRights& bob, bool public_download = true) {
    ASSERT_TRUE(catalog().zones().set_settings(
        zone_named("default"),
        {.public_download = public_download, .users = {{user("alice"), alice}, {user("bob"), bob}}}));
    refresh();
  }
  ResourceId id() const { return {zone_named("default"), named("data")}; }
  Providers& providers() { return parts_->gateway.shared().rendezvous.providers; }

  Answer register_data(const KeyPair* key) {
    return call(key, "/v1/resources/register",
                wire::RegisterResource{
                    .zone = zone_named("default"), .name = named("data"), .proxy_url = {}, .older = false});
  }
  std::vector<wire::Resource> list(const KeyPair* key) {
    return call(key, "/v1/resources/list", wire::ListResources{.zone = zone_named("default"), .name = {}})
        .message<wire::ResourceList>()
        .resources;
  }
  Answer remove(const KeyPair* key) {
    return call(key, "/v1/resources/remove", wire::RemoveResource{zone_named("default"), named("data")});
  }
  void serve(const KeyPair& key) {
    provider = std::make_shared<FakeProvider>(parts_->loop, key.node_id());
    const auto entered = on_loop<Result<>>([this] { return providers().enter(id(), provider); });
    ASSERT_TRUE(entered) << entered.error().message;
  }
  // The lines of the answer.
  std::vector<wire::AskState> ask(const KeyPair* key, const Digest& digest, std::uint64_t timeout_ms,
                                  bool ignore_bucket = false, bool relay = false) {
    wire::AskFile message{.zone = zone_named("default"),
                          .digest = digest,
                          .resource = named("data"),
                          .channel = {},
                          .timeout_ms = timeout_ms,
                          .ignore_bucket = ignore_bucket};
    if (relay) message.relay = true;
    const Answer answer = call(key, "/v1/files/ask", message);
    EXPECT_EQ(answer.status, 200) << answer.body;
    std::vector<wire::AskState> lines;
    std::istringstream text(answer.body);
    for (std::string line; std::getline(text, line);)
      lines.push_back(wire::parse<wire::AskState>(line).value());
    return lines;
  }
  std::size_t orders() {
    return on_loop<std::size_t>([this] { return count(parts_->gateway.shared().rendezvous.orders); });
  }
  // Whether the provider has been cut, now that the facts are as they are.
  static Task<bool> reviewed(ResourceRoutesTest& test) {
    review_providers(test.parts_->gateway.shared());
    co_return !test.provider->cuts.empty();
  }
  static Task<std::size_t> count(Orders& orders) { co_return orders.running(); }

  const KeyPair alices = KeyPair::generate();
  const KeyPair alices_second = KeyPair::generate();
  const KeyPair bobs = KeyPair::generate();
  const KeyPair owners = KeyPair::generate();
  std::shared_ptr<FakeProvider> provider;
};

TEST_F(ResourceRoutesTest, ANameIsItsKeysUntilItIsRemoved) {
  const auto made = register_data(&alices).message<wire::Resource>();
  EXPECT_EQ(made.node, alices.node_id());
  EXPECT_EQ(made.user, user("alice"));
  EXPECT_FALSE(made.connected);
  EXPECT_EQ(register_data(&alices).status, 200);
  EXPECT_EQ(register_data(&bobs).failure().code, Code::exists);
  EXPECT_EQ(register_data(&alices_second).failure().code, Code::exists) << "another machine is another key";
  EXPECT_EQ(register_data(nullptr).status, 403);

  EXPECT_EQ(remove(&bobs).failure().code, Code::denied);
  EXPECT_EQ(list(nullptr).size(), 1U) << "everybody may download";
  EXPECT_EQ(remove(&alices_second).status, 200) << "it is the same user's";
  EXPECT_EQ(remove(&alices).failure().code, Code::not_found);
  EXPECT_EQ(register_data(&bobs).status, 200);
  EXPECT_EQ(remove(&owners).status, 200) << "an admin of the zone";
  EXPECT_TRUE(list(&alices).empty());
}

TEST_F(ResourceRoutesTest, AProxyUrlIsAnAddress) {
  wire::RegisterResource message{
      .zone = zone_named("default"), .name = named("data"), .proxy_url = "ftp://x", .older = false};
  EXPECT_EQ(call(&alices, "/v1/resources/register", message).failure().code, Code::invalid);
  message.proxy_url = "https://proxy.example/" + std::string(2'000, 'x');
  EXPECT_EQ(call(&alices, "/v1/resources/register", message).failure().code, Code::invalid);
  message.proxy_url = "https://proxy.example:443/";
  EXPECT_EQ(call(&alices, "/v1/resources/register", message).message<wire::Resource>().proxy_url,
            "https://proxy.example");
}

TEST_F(ResourceRoutesTest, WhatTheZoneHasIsNotAskedFor) {
  register_data(&alices);
  upload(alices, "content");
  const auto lines = ask(nullptr, sha1("content"), 1'000);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].state, wire::kCompleted);
  EXPECT_EQ(lines[0].size, 7U);
  EXPECT_EQ(orders(), 0U);
}

TEST_F(ResourceRoutesTest, LinesSayHowItGoesUntilItHasEnded) {
  register_data(&alices);
  serve(alices);
  EXPECT_TRUE(list(&bobs).at(0).connected);
  provider->last = state(wire::kNotFound);
  auto lines = ask(&bobs, sha1("content"), 10'000);
  EXPECT_EQ(lines.back().state, wire::kNotFound);
  EXPECT_EQ(provider->orders.at(0)->upload().asker, bobs.node_id());

  upload(alices, "content");
  provider->last = state(wire::kCompleted);
  lines = ask(nullptr, sha1("content"), 10'000, true);
  EXPECT_EQ(lines.back().state, wire::kCompleted) << "asked, although it was there";
  EXPECT_EQ(provider->orders.size(), 2U);
  provider->last = state(wire::kCompleted);
  lines = ask(nullptr, sha1("nowhere"), 10'000);
  EXPECT_EQ(lines.back().code, Code::corrupt) << "a liar";
}

TEST_F(ResourceRoutesTest, WhoseTimeIsOverLeavesTheOrderGoingOnUntilTheyCancel) {
  register_data(&alices);
  serve(alices);
  EXPECT_EQ(ask(&bobs, sha1("content"), 0).back().state, wire::kAsking);
  EXPECT_EQ(ask(nullptr, sha1("content"), 20).back().state, wire::kAsking);
  EXPECT_EQ(orders(), 1U);
  const wire::CancelAsk cancel{zone_named("default"), sha1("content"), named("data"), std::nullopt};
  EXPECT_EQ(call(&alices, "/v1/files/ask/cancel", cancel).status, 200) << "who has not asked";
  EXPECT_EQ(call(&bobs, "/v1/files/ask/cancel", cancel).status, 200);
  EXPECT_EQ(orders(), 1U);
  EXPECT_EQ(call(nullptr, "/v1/files/ask/cancel", cancel).status, 200);
  EXPECT_EQ(orders(), 0U);
}

TEST_F(ResourceRoutesTest, AskingIsRefusedWhereItIsNoUse) {
  const wire::AskFile message{.zone = zone_named("default"),
                              .digest = sha1("content"),
                              .resource = named("data"),
                              .channel = {},
                              .timeout_ms = 1'000,
                              .ignore_bucket = false};
  EXPECT_EQ(call(&bobs, "/v1/files/ask", message).failure().code, Code::not_found);
  register_data(&alices);
  wire::AskFile patient = message;
  patient.timeout_ms = 86'400'001;
  EXPECT_EQ(call(&bobs, "/v1/files/ask", patient).failure().code, Code::invalid);
  grant({.upload = true}, {}, false);
  EXPECT_EQ(call(&bobs, "/v1/files/ask", message).failure().code, Code::denied);
  EXPECT_EQ(call(nullptr, "/v1/files/ask", message).failure().code, Code::denied);
}

// What is told within 50 ms.
std::vector<wire::ArrivedChunk> arrived(const std::vector<wire::AskState>& lines) {
  std::vector<wire::ArrivedChunk> chunks;
  for (const wire::AskState& line : lines) {
    if (!line.arrivals) continue;
    EXPECT_LE(line.arrivals->chunks.size(), wire::kArrivalsMax);
    chunks.insert(chunks.end(), line.arrivals->chunks.begin(), line.arrivals->chunks.end());
  }
  return chunks;
}

// A file of a few chunks, which `begin` announces after the page of their manifest.
struct LargeFile {
  std::vector<std::string> pieces;  // The page first.
  wire::UploadFile upload;
};

LargeFile large_file(std::size_t count) {
  std::string content;
  std::vector<std::string> pieces{""};
  std::vector<ChunkEntry> entries;
  for (std::size_t i = 0; i < count; ++i) {
    pieces.push_back("piece " + std::to_string(i) + " ");
    content += pieces.back();
    entries.push_back({Hasher::of(Algorithm::sha256, as_bytes(pieces.back())), pieces.back().size()});
  }
  const Digest digest = Hasher::of(Algorithm::sha1, as_bytes(content));
  const ManifestTexts texts = make_manifest(digest, entries);
  pieces.front() = texts.pages.at(0).str();
  const std::string manifest = Hasher::of(Algorithm::sha256, as_bytes(texts.root.str())).hex();
  std::vector<wire::Chunk> chunks;
  chunks.reserve(pieces.size());
  for (const std::string& piece : pieces)
    chunks.push_back({Hasher::of(Algorithm::sha256, as_bytes(piece)), piece.size()});
  return {std::move(pieces), {digest, content.size(), manifest, std::move(chunks)}};
}

TEST_F(ResourceRoutesTest, WhoAsksWithRelayGetsChunksBeforeTheyAreCommitted) {
  register_data(&alices);
  serve(alices);
  const LargeFile file = large_file(3);
  const Digest& digest = file.upload.digest;
  const auto told = [&](const KeyPair* key) { return arrived(ask(key, digest, 50, false, true)); };
  EXPECT_TRUE(told(&bobs).empty()) << "nothing has begun";
  const wire::BegunUpload begun = begin(alices, file.upload);
  EXPECT_TRUE(told(&bobs).empty()) << "nothing has come";
  ASSERT_EQ(put(*begun.puts.at(0), file.pieces[0]).status, 201);
  ASSERT_EQ(put(*begun.puts.at(2), file.pieces[2]).status, 201);

  const auto lines = ask(&bobs, digest, 50, false, true);
  ASSERT_TRUE(lines.at(0).arrivals);
  EXPECT_EQ(lines[0].arrivals->manifest.hex(), file.upload.manifest);
  const auto chunks = arrived(lines);
  ASSERT_EQ(chunks.size(), 2U);
  EXPECT_EQ(chunks[0].number, 0U);
  EXPECT_EQ(chunks[1].number, 2U);
  EXPECT_EQ(chunks[1].size, file.pieces[2].size());
  const Answer got = send(head_of_url(Method::get, chunks[1].url, {}));
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, file.pieces[2]);
  EXPECT_FALSE(find(&bobs, digest)) << "it is not committed";
  for (const wire::AskState& line : ask(&bobs, digest, 50)) EXPECT_FALSE(line.arrivals) << "nor wanted";

  // Begun again, and the rest of it; by another node, and of another file.
  EXPECT_EQ(*begin(alices, file.upload).id, *begun.id);
  const wire::BegunUpload others = begin(bobs, file.upload);
  ASSERT_EQ(put(*others.puts.at(1), file.pieces[1]).status, 201);
  ASSERT_EQ(put(*begin(alices, one_chunk("other")).puts.at(0), "other").status, 201);
  EXPECT_EQ(told(&bobs).size(), 2U) << "nothing of another upload";
  ASSERT_EQ(put(*begun.puts.at(3), file.pieces[3]).status, 201);
  EXPECT_EQ(told(nullptr).size(), 3U);

  grant({.upload = true}, {.upload = true}, false);
  EXPECT_EQ(send(head_of_url(Method::get, chunks[1].url, {})).status, 403) << "the right was taken away";
}

TEST_F(ResourceRoutesTest, ManyChunksAreToldInSeveralLines) {
  register_data(&alices);
  serve(alices);
  const LargeFile file = large_file(2 * wire::kArrivalsMax);
  ask(&bobs, file.upload.digest, 0);
  wire::UploadFile first = file.upload;
  first.chunks.erase(first.chunks.begin() + 3, first.chunks.end());
  const wire::BegunUpload begun = begin(alices, first);
  for (std::size_t i = 0; i < 3; ++i) ASSERT_EQ(put(*begun.puts[i], file.pieces[i]).status, 201);
  const wire::MoreChunks more{zone_named("default"), *begun.id, file.upload.chunks};
  const auto orders = call(&alices, "/v1/uploads/chunks", more).message<wire::PutOrders>();
  for (std::size_t i = 3; i < file.pieces.size(); ++i)
    ASSERT_EQ(put(*orders.puts.at(i), file.pieces[i]).status, 201);
  std::set<std::string> names;
  for (const wire::ArrivedChunk& chunk : arrived(ask(&bobs, file.upload.digest, 500, false, true)))
    names.insert(chunk.sha256.hex());
  EXPECT_EQ(names.size(), file.pieces.size());
}

// Of a stolen machine nobody gets files any more.
TEST_F(ResourceRoutesTest, WhoMayNotProvideAnyMoreIsCut) {
  const auto is_cut = [this] { return on_loop<bool>([this] { return reviewed(*this); }); };
  register_data(&alices);
  serve(alices);
  EXPECT_FALSE(is_cut());
  grant({.download = true}, {});
  EXPECT_TRUE(is_cut()) << "the right was taken away";
  grant({.upload = true}, {});
  serve(alices);
  remove(&alices);
  EXPECT_TRUE(is_cut()) << "the name was removed";
  register_data(&alices);
  serve(alices);
  ASSERT_TRUE(catalog().people().revoke_node(alices.node_id(), now_ms()));
  refresh();
  EXPECT_TRUE(is_cut()) << "the node was revoked";
}

}  // namespace
}  // namespace kachery::hub
