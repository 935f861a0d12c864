#include "hub/access/access.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>

namespace kachery::hub {
namespace {

UserName user(std::string_view name) {
  return *UserName::parse(name);
}

ZoneName zone(std::string_view name) {
  return *ZoneName::parse(name);
}

NodeId node(unsigned char number) {
  NodeId::Key key{};
  key[0] = std::byte{number};
  return NodeId(key);
}

constexpr std::array kActions{Action::see_hub,
                              Action::register_node,
                              Action::ask_who_i_am,
                              Action::manage_own_nodes,
                              Action::connect,
                              Action::find,
                              Action::fetch,
                              Action::upload,
                              Action::list_own,
                              Action::remove_own,
                              Action::list_all,
                              Action::remove_all,
                              Action::manage_zone,
                              Action::list_resources,
                              Action::ask,
                              Action::register_resource,
                              Action::provide,
                              Action::remove_resource,
                              Action::use_signed_url,
                              Action::read_metrics,
                              Action::administrate,
                              Action::create_channel,
                              Action::see_channels,
                              Action::see_all_channels,
                              Action::manage_channel,
                              Action::join_channel,
                              Action::ask_channels,
                              Action::provide_as_node};

// A letter where it is allowed, in the order of kActions; else a dot.
std::string allowed(const Facts& facts, const Actor& actor, const ZoneName& where) {
  constexpr std::string_view kLetters = "HRWNCFGULDAXZQKEPVSMTcsamjkv";
  std::string text;
  for (std::size_t i = 0; i < kActions.size(); ++i)
    text += authorize(facts, actor, kActions.at(i), &where) ? kLetters[i] : '.';
  return text;
}

const std::map<std::string, Actor> kActors{
    {"nobody", Anonymous{}},           {"unknown key", SigningKey{node(99)}},
    {"revoked", SigningKey{node(1)}},  {"disabled", SigningKey{node(2)}},
    {"stranger", SigningKey{node(3)}}, {"uploader", SigningKey{node(4)}},
    {"reader", SigningKey{node(5)}},   {"zone admin", SigningKey{node(6)}},
    {"owner", SigningKey{node(7)}},    {"administrator", Administrator{}},
    {"metrics", MetricsReader{}}};

// The node that was revoked is the owner's, and the disabled user has all rights: neither helps.
Facts make_facts() {
  Facts facts;
  facts.nodes.emplace(node(1), NodeFacts{user("owner"), "", true, false});
  facts.nodes.emplace(node(2), NodeFacts{user("disabled"), "", false, true});
  facts.nodes.emplace(node(3), NodeFacts{user("stranger"), "", false, false});
  facts.nodes.emplace(node(4), NodeFacts{user("uploader"), "", false, false});
  facts.nodes.emplace(node(5), NodeFacts{user("reader"), "", false, false});
  facts.nodes.emplace(node(6), NodeFacts{user("admin"), "", false, false});
  facts.nodes.emplace(node(7), NodeFacts{user("owner"), "", false, false});
  const std::map<UserName, UserRights> users{{user("disabled"), {true, true, true}},
                                             {user("uploader"), {.upload = true}},
                                             {user("reader"), {.download = true}},
                                             {user("admin"), {.admin = true}}};
  facts.zones.emplace(zone("open"), ZoneFacts{user("owner"), {true, true, users}});
  facts.zones.emplace(zone("ordinary"), ZoneFacts{user("owner"), {false, true, users}});
  facts.zones.emplace(zone("private"), ZoneFacts{user("owner"), {false, false, users}});
  return facts;
}

TEST(Access, AllowsExactlyWhatTheTableSays) {
  struct Row {
    const char* actor;
    const char* open;
    const char* ordinary;
    const char* secret;
    const char* none;
  };
  constexpr const char* kNobody = "H.W...............S.........";
  constexpr const char* kKey = "HRW...............S.........";
  constexpr const char* kNode = "HRWNC.............S...s..j.v";
  constexpr const char* kBlocked = "H.W.........................";
  const std::array rows{
      Row{"nobody", "H.W..FG......QK...S.......k.", "H.W..FG......QK...S.......k.", kNobody, kNobody},
      Row{"unknown key", "HRW..FG......QK...S.......k.", "HRW..FG......QK...S.......k.", kKey, kKey},
      Row{"revoked", kBlocked, kBlocked, kBlocked, kBlocked},
      Row{"disabled", kBlocked, kBlocked, kBlocked, kBlocked},
      Row{"stranger", "HRWNCFGULD...QKEPVS..cs..jkv", "HRWNCFG.LD...QK..VS...s..jkv", kNode, kNode},
      Row{"uploader", "HRWNCFGULD...QKEPVS..cs..jkv", "HRWNCFGULD...QKEPVS..cs..jkv",
          "HRWNC..ULD.....EPVS..cs..j.v", kNode},
      Row{"reader", "HRWNCFGULD...QKEPVS..cs..jkv", "HRWNCFG.LD...QK..VS...s..jkv",
          "HRWNCFG.LD...QK..VS...s..jkv", kNode},
      Row{"zone admin", "HRWNCFGULDAXZQKEPVS..csamjkv", "HRWNCFG.LDAXZQK..VS...samjkv",
          "HRWNC...LDAXZ....VS...samj.v", kNode},
      Row{"owner", "HRWNCFGULDAXZQKEPVS..csamjkv", "HRWNCFGULDAXZQKEPVS..csamjkv",
          "HRWNCFGULDAXZQKEPVS..csamjkv", kNode},
      Row{"administrator", "H.W..FG...AXZQK...SMT..a..k.", "H.W..FG...AXZQK...SMT..a..k.",
          "H.W..FG...AXZQK...SMT..a..k.", "H.W..FG...AXZQK...SMT..a..k."},
      Row{"metrics", "H.W..FG......QK...SM......k.", "H.W..FG......QK...SM......k.",
          "H.W...............SM........", "H.W...............SM........"}};
  ASSERT_EQ(rows.size(), kActors.size());
  const Facts facts = make_facts();
  for (const Row& row : rows) {
    const Actor& actor = kActors.at(row.actor);
    EXPECT_EQ(allowed(facts, actor, zone("open")), row.open) << row.actor;
    EXPECT_EQ(allowed(facts, actor, zone("ordinary")), row.ordinary) << row.actor;
    EXPECT_EQ(allowed(facts, actor, zone("private")), row.secret) << row.actor;
    EXPECT_EQ(allowed(facts, actor, zone("nowhere")), row.none) << row.actor;
  }
}

// Nobody learns from an answer whether there is a zone in which they may do nothing.
TEST(Access, SaysTheSameOfAZoneThatIsNotThere) {
  Facts facts = make_facts();
  facts.zones.at(zone("private")).settings.users.clear();
  for (const auto& [name, actor] : kActors) {
    if (name == "owner" || name == "administrator") continue;
    for (const Action action : kActions) {
      const ZoneName here = zone("private");
      const ZoneName nowhere = zone("nowhere");
      const auto one = authorize(facts, actor, action, &here);
      const auto other = authorize(facts, actor, action, &nowhere);
      ASSERT_EQ(bool(one), bool(other)) << name;
      if (one) continue;
      EXPECT_EQ(one.error().code, Code::denied);
      std::string message = one.error().message;
      if (const auto at = message.find("zone private"); at != std::string::npos)
        message.replace(at, 12, "zone nowhere");
      EXPECT_EQ(message, other.error().message) << name;
    }
  }
}

TEST(Access, SaysWhatWouldHelp) {
  const Facts facts = make_facts();
  const auto why = [&](const char* actor, Action action, const char* where) {
    const ZoneName name = zone(where);
    const auto permit = authorize(facts, kActors.at(actor), action, &name);
    return permit ? "allowed" : permit.error().message;
  };
  EXPECT_EQ(why("unknown key", Action::upload, "open"),
            "not allowed to upload files in the zone open: the key " + node(99).hex() +
                " is not registered with this hub; register it with `kachery init`");
  EXPECT_EQ(why("nobody", Action::find, "private"),
            "not allowed to look for files in the zone private: the request is not signed; `kachery init` "
            "makes a key and registers it");
  EXPECT_EQ(
      why("reader", Action::upload, "private"),
      "not allowed to upload files in the zone private: the user reader lacks the right; ask an admin of "
      "the zone for it");
  EXPECT_TRUE(why("revoked", Action::find, "open").contains("was revoked"));
  EXPECT_TRUE(why("disabled", Action::find, "open").contains("the user disabled is disabled"));
  EXPECT_TRUE(why("administrator", Action::upload, "open").contains("is no node"));
  EXPECT_TRUE(why("owner", Action::administrate, "open").contains("administrator's token"));
  EXPECT_TRUE(why("owner", Action::read_metrics, "open").contains("metrics token"));
}

TEST(Access, APermitKnowsWhoseItIs) {
  const Facts facts = make_facts();
  const ZoneName where = zone("open");
  const auto own = authorize(facts, kActors.at("stranger"), Action::upload, &where);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->own_user(), user("stranger"));
  EXPECT_EQ(own->node(), node(3));
  EXPECT_EQ(own->action(), Action::upload);
  const auto unknown = authorize(facts, kActors.at("unknown key"), Action::find, &where);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->user(), std::nullopt);
  EXPECT_EQ(unknown->node(), node(99));
  const auto revoked = authorize(facts, kActors.at("revoked"), Action::ask_who_i_am, nullptr);
  ASSERT_TRUE(revoked);
  EXPECT_EQ(revoked->user(), std::nullopt) << "nothing is done for the user of a node that was revoked";
  const auto nobody = authorize(facts, Anonymous{}, Action::see_hub, nullptr);
  ASSERT_TRUE(nobody);
  EXPECT_EQ(nobody->node(), std::nullopt);
}

UserRights any_rights() {
  return {*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
}

using Cell = std::tuple<NodeId, Action, ZoneName>;

std::map<Cell, bool> all_cells(const Facts& facts) {
  std::map<Cell, bool> cells;
  for (const auto& [id, about] : facts.nodes)
    for (const Action action : kActions)
      for (const auto& [name, settings] : facts.zones)
        cells[{id, action, name}] = authorize(facts, SigningKey{id}, action, &name).has_value();
  return cells;
}

TEST(Access, AChangeOfRightsChangesNothingElse) {
  EXPECT_TRUE(rc::check([] {
    const std::array users{user("a"), user("b"), user("c")};
    const std::array zones{zone("x"), zone("y"), zone("z")};
    Facts facts;
    for (unsigned char i = 0; i < 6; ++i)
      facts.nodes.emplace(
          node(i), NodeFacts{users.at(i % 3), "", *rc::gen::weightedElement<bool>({{5, false}, {1, true}}),
                             *rc::gen::weightedElement<bool>({{5, false}, {1, true}})});
    for (const ZoneName& name : zones) {
      ZoneSettings settings{*rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>()};
      for (const UserName& who : users)
        if (*rc::gen::arbitrary<bool>()) settings.users[who] = any_rights();
      facts.zones.emplace(name, ZoneFacts{*rc::gen::elementOf(users), settings});
    }
    const auto before = all_cells(facts);
    const UserName changed_user = *rc::gen::elementOf(users);
    const ZoneName changed_zone = *rc::gen::elementOf(zones);
    const UserRights rights = any_rights();
    facts.zones.at(changed_zone).settings.users[changed_user] = rights;
    for (const auto& [cell, was] : before) {
      const auto& [id, action, name] = cell;
      const bool is = authorize(facts, SigningKey{id}, action, &name).has_value();
      if (name != changed_zone || facts.nodes.at(id).user != changed_user) RC_ASSERT(is == was);
    }
    for (const auto& [id, about] : facts.nodes) {
      if (about.user != changed_user || about.revoked || about.user_disabled) continue;
      const UserRights now = rights_in(facts, SigningKey{id}, changed_zone);
      RC_ASSERT(now.upload >= rights.upload && now.download >= rights.download && now.admin >= rights.admin);
    }
  }));
}

// An administrator reads this and believes it.
TEST(Access, SaysOfEachActionWhoMay) {
  EXPECT_EQ(who_may(Action::ask_who_i_am), "everybody");
  EXPECT_EQ(who_may(Action::upload),
            "a registered node, with the right to upload in the zone, or provideFiles in the channel");
  EXPECT_EQ(who_may(Action::manage_channel),
            "a registered node, of the channel's owner or with the right to manage the zone");
  EXPECT_EQ(who_may(Action::administrate), "the administrator's token");
  for (const Action action : kActions) EXPECT_FALSE(who_may(action).empty());
}

// --- Channels

ChannelName channel(std::string_view name) {
  return *ChannelName::parse(name);
}

// What each of the others is allowed when the channel is named, and when none is: f(ind), g(et), u(pload),
// m(anage), l(ist own).
std::string allowed_in(const Facts& facts, const NodeId& who, const char* in) {
  const ZoneName where = zone("private");
  std::optional<ChannelName> named;
  if (in != nullptr) named = channel(in);
  constexpr std::array kOfChannels{Action::find, Action::fetch, Action::upload, Action::manage_channel,
                                   Action::list_own};
  std::string text;
  for (std::size_t i = 0; i < kOfChannels.size(); ++i)
    text += authorize(facts, SigningKey{who}, kOfChannels.at(i), &where, named ? &*named : nullptr)
                ? std::string_view("fguml")[i]
                : '.';
  return text;
}

// The stranger has no right in the zone; the roles are all there is.
TEST(AccessToChannels, TakesARoleThatIsGrantedAndWanted) {
  Facts facts = make_facts();
  auto& channels = facts.zones.at(zone("private")).channels;
  ChannelFacts& rats = channels.emplace(channel("rats"), ChannelFacts{user("uploader")}).first->second;
  channels.emplace(channel("mice"), ChannelFacts{user("uploader")});
  for (std::int64_t granted = 0; granted < 64; ++granted)
    for (std::int64_t wanted = 0; wanted < 64; ++wanted) {
      const MemberFacts member{Roles::from_number(granted).value(), Roles::from_number(wanted).value()};
      rats.members.insert_or_assign(node(3), member);
      const Roles both = Roles::from_number(granted & wanted).value();
      const bool reads = both.has(Role::request_files);
      const std::string list = granted != 0 ? "l" : ".";
      const std::string in_rats =
          (reads ? "fg" : "..") + std::string(both.has(Role::provide_files) ? "u" : ".") + "." + list;
      ASSERT_EQ(allowed_in(facts, node(3), "rats"), in_rats) << granted << " " << wanted;
      ASSERT_EQ(allowed_in(facts, node(3), nullptr), (reads ? "fg" : "..") + std::string("..") + list);
      ASSERT_EQ(allowed_in(facts, node(3), "mice"), ".....");
      const Reader reader = reader_in(facts, SigningKey{node(3)}, zone("private"), std::nullopt);
      ASSERT_FALSE(reader.zone);
      ASSERT_EQ(reader.channels.size(), reads ? 1U : 0U);
    }
}

TEST(AccessToChannels, OwnersHaveAllRolesAndManageAsAdminsDo) {
  Facts facts = make_facts();
  auto& channels = facts.zones.at(zone("private")).channels;
  ChannelFacts& rats = channels.emplace(channel("rats"), ChannelFacts{user("uploader")}).first->second;
  EXPECT_EQ(allowed_in(facts, node(4), "rats"), "...ml") << "all is granted, nothing is wanted yet";
  rats.members[node(4)].wanted = Roles::all();
  EXPECT_EQ(allowed_in(facts, node(4), "rats"), "fguml");
  EXPECT_EQ(allowed_in(facts, node(6), "rats"), "...ml") << "an admin of the zone is no member";
  EXPECT_EQ(allowed_in(facts, node(5), "rats"), "....l") << "a reader of the zone is none either";
  EXPECT_EQ(allowed_in(facts, node(5), nullptr), "fg..l");
  facts.nodes.at(node(4)).revoked = true;
  EXPECT_EQ(allowed_in(facts, node(4), "rats"), ".....");
}

TEST(AccessToChannels, AReaderHoldsTheGrantsOfItsZoneAndItsChannels) {
  Facts facts = make_facts();
  auto& channels = facts.zones.at(zone("private")).channels;
  const MemberFacts member{Roles::all(), Roles::requesting()};
  channels.emplace(channel("mice"), ChannelFacts{user("uploader"), {{node(5), member}}});
  channels.emplace(channel("rats"), ChannelFacts{user("uploader"), {{node(5), member}}});
  channels.emplace(channel("voles"), ChannelFacts{user("uploader")});
  const Actor reader = SigningKey{node(5)};
  const Reader all = reader_in(facts, reader, zone("private"), std::nullopt);
  EXPECT_TRUE(all.zone);
  EXPECT_EQ(all.channels, (std::vector{channel("mice"), channel("rats")}));
  const Reader one = reader_in(facts, reader, zone("private"), channel("rats"));
  EXPECT_FALSE(one.zone);
  EXPECT_EQ(one.channels, std::vector{channel("rats")});
  for (const char* other : {"voles", "none"})
    EXPECT_TRUE(reader_in(facts, reader, zone("private"), channel(other)).channels.empty());
  EXPECT_TRUE(reader_in(facts, Anonymous{}, zone("ordinary"), std::nullopt).zone);
  EXPECT_FALSE(reader_in(facts, reader, zone("nowhere"), std::nullopt).zone);
}

// Nobody learns from an answer whether there is a channel with which they have nothing to do.
TEST(AccessToChannels, SayTheSameOfAChannelThatIsNotThere) {
  Facts facts = make_facts();
  for (const char* where : {"private", "open"})
    facts.zones.at(zone(where)).channels.emplace(channel("rats"), ChannelFacts{user("owner")});
  for (const auto& [name, actor] : kActors) {
    if (name == "owner" || name == "zone admin") continue;  // They manage it.
    for (const char* where : {"private", "open"})
      for (const Action action : kActions) {
        const ZoneName in = zone(where);
        const ChannelName there = channel("rats");
        const ChannelName gone = channel("mice");
        const auto one = authorize(facts, actor, action, &in, &there);
        const auto other = authorize(facts, actor, action, &in, &gone);
        ASSERT_EQ(one.has_value(), other.has_value()) << name;
        if (one) continue;
        std::string text = one.error().message;
        for (std::size_t at = text.find("rats"); at != text.npos; at = text.find("rats"))
          text.replace(at, 4, "mice");
        EXPECT_EQ(text, other.error().message) << name;
      }
  }
}

}  // namespace
}  // namespace kachery::hub
