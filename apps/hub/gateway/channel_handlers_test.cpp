#include "hub/gateway/channel_handlers.h"

#include "hub/gateway/channel_fixture.h"

namespace kachery::hub {
namespace {

using ChannelRoutesTest = ChannelHubTest;

TEST_F(ChannelRoutesTest, AreManagedByTheirOwnersUserAndByAdmins) {
  EXPECT_EQ(create(&bobs, "mice").failure().code, Code::denied) << "no right to upload in the zone";
  EXPECT_EQ(create(&alices, "rats").failure().code, Code::exists);
  const wire::DescribeChannel description{zone_named("lab"), rats, "Others"};
  for (const KeyPair* key : {&alices_second, &owners})
    EXPECT_EQ(call(key, "/v1/channels/describe", description).status, 200);
  let(bobs, Roles::all());
  EXPECT_EQ(list(bobs).at(0).description, "Others");
  EXPECT_FALSE(list(bobs).at(0).manages);
  EXPECT_TRUE(list(alices_second).at(0).manages);
  EXPECT_TRUE(list(alices_second).at(0).wanted.empty());

  for (const char* path : {"members", "invitations", "delete"}) {
    const Answer refused = call(&bobs, std::string("/v1/channels/") + path, channel());
    EXPECT_EQ(refused.failure().code, Code::denied) << path;
    EXPECT_TRUE(refused.failure().message.contains("its owner does that")) << refused.failure().message;
  }
  EXPECT_EQ(call(&bobs, "/v1/channels/invite", invitation(kReads)).failure().code, Code::denied);
  EXPECT_EQ(change(&bobs, "grant", carols, kReads).failure().code, Code::denied);
  EXPECT_EQ(call(&owners, "/v1/channels/delete", channel("mice")).failure().code, Code::not_found);

  EXPECT_TRUE(list(carols).empty());
  EXPECT_TRUE(list(owners).empty()) << "an admin is no member";
  EXPECT_EQ(list(owners, true).size(), 1U);
  const wire::ListChannels all{zone_named("lab"), std::nullopt, true};
  EXPECT_EQ(call(&bobs, "/v1/channels/list", all).status, 403);
  EXPECT_EQ(call_with_token("the administrator's", "/v1/channels/list", all)
                .message<wire::ChannelList>()
                .channels.size(),
            1U);

  const auto members =
      call(&alices, "/v1/channels/members", channel()).message<wire::ChannelMembers>().members;
  ASSERT_EQ(members.size(), 2U);
  EXPECT_EQ(members[0].user, user("alice"));
  EXPECT_EQ(members[0].granted, Roles::all());
  EXPECT_EQ(members[1].node, bobs.node_id());
  EXPECT_EQ(members[1].label, "a label");
}

TEST_F(ChannelRoutesTest, RefuseWhatCannotBe) {
  EXPECT_EQ(change(&alices, "grant", bobs, {}).failure().code, Code::invalid);
  EXPECT_EQ(change(&alices, "revoke", alices_second, kReads).failure().code, Code::invalid);
  EXPECT_EQ(change(&alices, "grant", KeyPair::generate(), kReads).failure().code, Code::not_found);
  EXPECT_EQ(call(&alices, "/v1/channels/invite", invitation({})).failure().code, Code::invalid);
  for (const std::string& passcode :
       {std::string("short"), std::string(41, 'x'), std::string("with blanks"), std::string("umläute")}) {
    wire::InviteToChannel message = invitation(kReads);
    message.passcode = passcode;
    const wire::Failure::About refused = call(&alices, "/v1/channels/invite", message).failure();
    EXPECT_EQ(refused.code, Code::invalid) << passcode;
    EXPECT_FALSE(refused.message.contains(passcode)) << "it may be one of another place";
  }
  for (const std::uint64_t uses : {std::uint64_t{0}, std::uint64_t{1'000'001}}) {
    wire::InviteToChannel message = invitation(kReads);
    message.uses = uses;
    EXPECT_EQ(call(&alices, "/v1/channels/invite", message).failure().code, Code::invalid) << uses;
  }
  wire::InviteToChannel late = invitation(kReads);
  late.expires_ms = now_ms();
  EXPECT_EQ(call(&alices, "/v1/channels/invite", late).failure().code, Code::invalid);
  const wire::DescribeChannel lines{zone_named("lab"), rats, "two\nlines"};
  EXPECT_EQ(call(&alices, "/v1/channels/describe", lines).failure().code, Code::invalid);
}

TEST_F(ChannelRoutesTest, ACodeIsToldOnceAndUsedOnce) {
  const auto made = call(&alices, "/v1/channels/invite", invitation(kReads | kProvides))
                        .message<wire::NewChannelInvitation>();
  ASSERT_TRUE(made.code);
  EXPECT_EQ(made.invitation.uses_left, 1U);
  EXPECT_EQ(made.invitation.expires_ms, now_ms() + 7 * 86'400'000LL);
  const auto own = join(&bobs, made.code).message<wire::Channel>();
  EXPECT_EQ(own.granted, (kReads | kProvides));
  EXPECT_EQ(own.effective, kReads);
  EXPECT_EQ(join(&carols, made.code).failure().code, Code::denied);
  const auto left =
      call(&alices, "/v1/channels/invitations", channel()).message<wire::ChannelInvitations>().invitations;
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].members, 1U);
  const wire::UninviteFromChannel back{zone_named("lab"), rats, left[0].id};
  EXPECT_EQ(call(&alices, "/v1/channels/uninvite", back).status, 200);
  EXPECT_TRUE(list(bobs).empty());
  const std::string log = audit_lines();
  EXPECT_FALSE(log.contains(*made.code)) << "it is a secret";
  EXPECT_TRUE(log.contains("manage_channel"));

  wire::InviteToChannel passcode = invitation(kReads);
  passcode.passcode = "open-sesame";
  const auto chosen = call(&alices, "/v1/channels/invite", passcode).message<wire::NewChannelInvitation>();
  EXPECT_EQ(chosen.code, std::nullopt);
  EXPECT_EQ(chosen.invitation.uses_left, std::nullopt);
  EXPECT_EQ(chosen.invitation.expires_ms, std::nullopt);
  EXPECT_EQ(join(&bobs, "open-sesame").status, 200);
  EXPECT_EQ(join(&carols, "open-sesame").status, 200);
  EXPECT_EQ(call(&carols, "/v1/channels/leave", channel()).status, 200);
  EXPECT_EQ(call(&carols, "/v1/channels/leave", channel()).failure().code, Code::denied);
  EXPECT_FALSE(audit_lines().contains("open-sesame"));
}

// One answer for a channel that is not there, one that a node has nothing to do with, and a wrong code.
TEST_F(ChannelRoutesTest, StrangersLearnNothing) {
  ASSERT_TRUE(call(&alices, "/v1/channels/invite", invitation(kReads)).status == 200);
  const auto text = [](const Answer& answer, const std::string& name) {
    EXPECT_EQ(answer.status, 403);
    std::string message = answer.failure().message;
    for (std::size_t at = message.find(name); at != message.npos; at = message.find(name))
      message.replace(at, name.size(), "NAME");
    return message;
  };
  const auto same = [&](const std::function<Answer(const std::string&)>& ask) {
    EXPECT_EQ(text(ask("rats"), "rats"), text(ask("cats"), "cats"));
  };
  same([&](const std::string& name) { return join(&bobs, "guessed", name); });
  same([&](const std::string& name) { return join(&bobs, std::nullopt, name); });
  same([&](const std::string& name) { return want(bobs, kReads, name); });
  same([&](const std::string& name) { return call(&bobs, "/v1/channels/leave", channel(name)); });
  same([&](const std::string& name) { return call(&bobs, "/v1/channels/members", channel(name)); });
  same([&](const std::string& name) { return find_in(&bobs, "x", channel_named(name)); });
  same([&](const std::string& name) { return put_small(bobs, "x", channel_named(name)); });
  EXPECT_EQ(text(join(&bobs, "guessed"), "rats"), text(want(bobs, kReads), "rats"));
  // And each refusal is in the audit log, also those that only the catalog can decide.
  const Answer refused = join(&bobs, "guessed");
  const std::string log = audit_lines();
  const std::size_t last = log.rfind(refused.failure().request);
  ASSERT_NE(last, log.npos);
  EXPECT_TRUE(log.substr(last).contains("\"allowed\":false"));
  EXPECT_TRUE(log.substr(last).contains("rats"));
}

TEST_F(ChannelRoutesTest, WhoGuessesHasToWait) {
  int refused = 0;
  while (refused < 20 && join(&bobs, "guessed" + std::to_string(refused)).status == 403) ++refused;
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(join(&bobs, "guessed").status, 429);
  const auto made =
      call(&alices, "/v1/channels/invite", invitation(kReads)).message<wire::NewChannelInvitation>();
  EXPECT_EQ(join(&carols, made.code).status, 200) << "others go on";
  clock_.now_ms += 60'000;
  EXPECT_EQ(join(&bobs, "guessed").status, 403);
}

// Each role that is granted, with each that is wanted.
TEST_F(ChannelRoutesTest, FilesTakeARoleThatIsGrantedAndWanted) {
  let(carols, kProvides);
  ASSERT_EQ(put_small(carols, "secret", rats).message<wire::Outcomes>().files.at(0).state, "stored");
  EXPECT_FALSE(finds(alices, "none", rats));
  std::vector<Roles> choices{{}};
  for (const std::string_view word : Roles::all().words()) choices.push_back(Roles::parse_word(word).value());
  int number = 0;
  for (const Roles granted : choices)
    for (const Roles wanted : choices) {
      EXPECT_EQ(change(&alices, "grant", bobs, Roles::all()).status, 200);
      EXPECT_EQ(want(bobs, wanted).status, 200);
      if (granted != Roles::all()) {
        EXPECT_EQ(change(&alices, "revoke", bobs, Roles::all() - granted).status, 200);
      }
      // Whoever is granted nothing is no member any more, and so wants nothing.
      const Roles both = granted & wanted;
      const std::string what = granted.str() + ", wanted " + wanted.str();
      for (const auto& in : {std::optional<ChannelName>(), std::optional(rats)}) {
        EXPECT_EQ(find_in(&bobs, "secret", in).status, both.has(Role::request_files) ? 200 : 403) << what;
        EXPECT_EQ(finds(bobs, "secret", in), both.has(Role::request_files)) << what;
        EXPECT_EQ(gets(bobs, "secret", in), both.has(Role::request_files)) << what;
      }
      const bool sends = both.has(Role::provide_files);
      const std::string bytes = "file " + std::to_string(number++);
      EXPECT_EQ(put_small(bobs, bytes, rats).status, sends ? 200 : 403) << what;
      EXPECT_EQ(put_small(bobs, bytes, std::nullopt).status, 403) << "the zone is another place";
      const wire::BeginUploads begin{zone_named("lab"), {one_chunk(bytes + " large")}, rats};
      EXPECT_EQ(call(&bobs, "/v1/uploads/begin", begin).status, sends ? 200 : 403) << what;
    }
}

TEST_F(ChannelRoutesTest, AFileIsReadableThroughItsChannelOnly) {
  EXPECT_EQ(create(&alices, "mice").status, 200);
  let(bobs, kReads | kProvides);
  let(carols, kReads, "mice");
  ASSERT_EQ(put_small(bobs, "secret", rats).status, 200);
  EXPECT_TRUE(finds(bobs, "secret"));
  EXPECT_TRUE(finds(bobs, "secret", rats));
  EXPECT_FALSE(finds(carols, "secret"));
  EXPECT_FALSE(gets(carols, "secret"));
  EXPECT_FALSE(finds(carols, "secret", channel_named("mice")));
  EXPECT_EQ(find_in(&carols, "secret", rats).status, 403);
  EXPECT_FALSE(finds(owners, "secret")) << "the zone's readers";
  const wire::AskChunks chunks{zone_named("lab"), sha1("secret"), {sha256("secret")}, {}};
  EXPECT_FALSE(call(&carols, "/v1/files/chunks", chunks).message<wire::ChunkUrls>().urls.at(0));
  EXPECT_TRUE(call(&bobs, "/v1/files/chunks", chunks).message<wire::ChunkUrls>().urls.at(0));

  ASSERT_EQ(put_small(owners, "secret", std::nullopt).status, 200);
  EXPECT_TRUE(finds(owners, "secret"));
  EXPECT_FALSE(finds(carols, "secret"));
  EXPECT_TRUE(call(&alices, "/v1/channels/delete", channel()).status == 200);
  EXPECT_TRUE(finds(owners, "secret")) << "through the zone";
  EXPECT_FALSE(finds(bobs, "secret"));
}

// Also where an answer is remembered, and with a URL that was given before.
TEST_F(ChannelRoutesTest, AChangeHoldsAtTheNextRequest) {
  let(bobs, kReads | kProvides);
  ASSERT_EQ(put_small(bobs, "secret", rats).status, 200);
  const auto found = [&] { return find_in(&bobs, "secret", {}).message<wire::FoundFiles>().files.at(0); };
  const std::string url = found()->url.value();
  const auto fetch = [&] { return send(head_of_url(Method::get, url, {})).status; };
  EXPECT_EQ(fetch(), 200);
  EXPECT_EQ(change(&alices, "revoke", bobs, kReads).status, 200);
  EXPECT_EQ(fetch(), 403) << "with another role left";
  EXPECT_FALSE(finds(bobs, "secret"));
  EXPECT_EQ(change(&alices, "grant", bobs, kReads).status, 200);
  EXPECT_EQ(fetch(), 200);
  EXPECT_EQ(want(bobs, kProvides).status, 200);
  EXPECT_EQ(fetch(), 403);
  EXPECT_FALSE(finds(bobs, "secret", rats));
  EXPECT_EQ(want(bobs, kReads).status, 200);
  EXPECT_TRUE(finds(bobs, "secret"));
  EXPECT_EQ(call(&alices, "/v1/channels/delete", channel()).status, 200);
  EXPECT_EQ(fetch(), 403);
  EXPECT_EQ(create(&alices, "rats").status, 200);
  let(bobs, kReads);
  EXPECT_FALSE(finds(bobs, "secret")) << "a new channel begins anew";
}

// A large one: begun, sent by signed URL, committed, all to the channel.
TEST_F(ChannelRoutesTest, UploadsGoToTheirChannel) {
  let(bobs, kProvides);
  const wire::BeginUploads begin{zone_named("lab"), {one_chunk("content")}, rats};
  const auto begun = call(&bobs, "/v1/uploads/begin", begin).message<wire::BegunUploads>().uploads.at(0);
  ASSERT_EQ(begun.outcome.state, "open");
  EXPECT_EQ(put(*begun.puts.at(0), "content").status, 201);
  wire::CommitUploads commit{zone_named("lab"), {{*begun.id, {}, {}}}, std::nullopt};
  EXPECT_EQ(call(&bobs, "/v1/uploads/commit", commit).status, 403) << "not to the zone";
  commit.channel = rats;
  EXPECT_EQ(call(&bobs, "/v1/uploads/commit", commit).message<wire::Outcomes>().files.at(0).state, "stored");
  EXPECT_FALSE(finds(bobs, "content")) << "who provides need not be able to request";
  let(carols, kReads);
  EXPECT_TRUE(finds(carols, "content"));
  const wire::AskPresent present{zone_named("lab"), {{sha1("content"), 7}}, rats};
  EXPECT_EQ(call(&bobs, "/v1/uploads/present", present).message<wire::Present>().present,
            std::vector<bool>{true});

  const wire::ListFiles mine{zone_named("lab"), true, {}};
  const auto listed = call(&bobs, "/v1/files/list", mine).message<wire::FileList>().files;
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_FALSE(listed[0].in_zone);
  EXPECT_EQ(listed[0].channels, std::vector{rats});
  const wire::RemoveFiles rm{zone_named("lab"), {sha1("content")}, false};
  EXPECT_EQ(call(&bobs, "/v1/files/remove", rm).message<wire::Removals>().removed, std::vector<bool>{true});
  EXPECT_FALSE(finds(carols, "content"));

  const auto later =
      call(&bobs, "/v1/uploads/begin", wire::BeginUploads{zone_named("lab"), {one_chunk("another")}, rats})
          .message<wire::BegunUploads>()
          .uploads.at(0);
  EXPECT_EQ(change(&alices, "revoke", bobs, kProvides).status, 200);
  EXPECT_EQ(put(*later.puts.at(0), "another").status, 403) << "the role is gone";
}

}  // namespace
}  // namespace kachery::hub
