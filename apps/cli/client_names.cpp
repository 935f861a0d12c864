// kachery-client, and kachery-store, -load, -cat, -link, -info: the first generation's commands.
#include <fmt/format.h>

#include "client/identity.h"
#include "console.h"
#include "content.h"
#include "core/text.h"
#include "core/uri.h"
#include "older.h"
#include "os/file.h"
#include "zone_choice.h"

namespace kachery::cli {
namespace {

// Where else to look: in one channel, which needs a hub. What is here needs none, and no name that is right.
struct Elsewhere {
  std::string channel;
  std::string direct_channel;
  bool ephemeral = false;  // Changes nothing: no daemon is ever needed.

  void declare(Options& options) {
    options.option("--channel", channel, "Ask this channel of the zone only, and not the zone");
    options.option("--direct-channel", direct_channel, "The same: gen1 looked into its bucket");
    options.flag("-e,--enable-ephemeral", ephemeral, "Changes nothing: no daemon is needed");
  }

  const std::string& named() const { return channel.empty() ? direct_channel : channel; }

  Result<Sources> sources() const {
    if (named().empty()) return sources_of_environment();
    KACHERY_TRY(parsed, ChannelName::parse(named()));
    return Sources{.channel = std::move(parsed)};
  }

  // What becomes of a miss: without a hub no channel could be asked.
  std::unexpected<Error> fail_with(const Context& context, Error error) const {
    if (error.code == Code::not_found && !named().empty()) {
      const auto configuration = context.configuration();
      if (!configuration) return std::unexpected(configuration.error());
      const Result<> has_hub = require_hub(*configuration, error.message + "; asking a channel");
      if (!has_hub) return std::unexpected(has_hub.error());
    }
    return std::unexpected(std::move(error));
  }
};

// gen1 stored here and nowhere else, so a zone that refuses or is out of reach is no failure.
void offer(Context& context, std::span<const Stored> stored) {
  const Result<> sent = upload_stored(context, stored, {});
  if (!sent) say(sent.error().message);
}

// With ?manifest= for a large file, as gen1 printed it.
Result<> print_uri(Context& context, const Digest& digest, const std::filesystem::path& path) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(manifest, session->gen1_manifest(digest, context.progress));
  return context.print(Uri{digest, label_of(path), manifest}.str());
}

class CatFile final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH/label, or a path");
    options.option("--start", range_.start, "The first byte, counted from 0");
    options.option("--end", range_.end, "The byte behind the last one");
    elsewhere_.declare(options);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(sources, elsewhere_.sources());
    const auto located = open_content(context, name_, sources);
    if (!located) return elsewhere_.fail_with(context, located.error());
    KACHERY_TRY(write_range(context, *located, name_, range_));
    return 0;
  }

 private:
  std::string name_;
  Range range_;
  Elsewhere elsewhere_;
};

class LoadFile final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH/label, or a path");
    options.option("--dest", destination_, "Put a copy here, and print this path");
    elsewhere_.declare(options);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(sources, elsewhere_.sources());
    const auto located = load_content(context, name_, destination_, sources);
    if (!located) return elsewhere_.fail_with(context, located.error());
    KACHERY_TRY(context.print(located->path.native()));
    return 0;
  }

 private:
  std::string name_;
  std::string destination_;
  Elsewhere elsewhere_;
};

class StoreFile final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("path", path_, "A file");
    options.option("--upload-to-channel", choice_.channel, "The channel that gets it, instead of the zone");
    options.flag("--single-chunk", single_chunk_, "Upload it in one piece");
    options.flag("-e,--enable-ephemeral", ephemeral_, "Changes nothing: no daemon is needed");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    // Before anything is stored.
    KACHERY_TRY(choice_.channel_name(session->configuration()));
    const std::filesystem::path path = path_;
    KACHERY_TRY(stored, store_content(context, {&path, 1}, Algorithm::sha1));
    if (choice_.channel.empty()) {
      offer(context, stored);
    } else {
      KACHERY_TRY(upload_stored(context, stored, choice_));
    }
    KACHERY_TRY(print_uri(context, stored.front().digest, path));
    return 0;
  }

 private:
  std::string path_;
  ZoneChoice choice_;
  bool single_chunk_ = false;
  bool ephemeral_ = false;
};

class LinkFile final : public Command {
 public:
  void declare(Options& options) override { options.argument("path", path_, "A file"); }

  Result<int> run(Context& context) override {
    const std::filesystem::path path = path_;
    KACHERY_TRY(linked, link_content(context, {&path, 1}, Algorithm::sha1));
    KACHERY_TRY(print_uri(context, linked.front().digest, path));
    return 0;
  }

 private:
  std::string path_;
};

// Who this node is. gen1 knew the owner from a file, and later from the hub.
class Info final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("-e,--enable-ephemeral", ephemeral_, "Changes nothing: no daemon is needed");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(identity, find_identity(configuration, MissingKey::none));
    if (!identity)
      return fail(Code::not_found, "this node has no key yet; kachery-client generate-node-id makes one");
    KACHERY_TRY(context.print("Node ID: " + identity->node_id().hex()));
    KACHERY_TRY(owner, owner_of(configuration));
    KACHERY_TRY(context.print("Owner: " + owner));
    return 0;
  }

 private:
  // The file "owner" beside the keys of gen1; empty where there is none.
  static Result<std::string> owner_of(const Configuration& configuration) {
    KACHERY_TRY(places, key_directories(configuration));
    for (const auto& place : places) {
      const auto file = open_user_file(place / "owner");
      if (!file) continue;
      std::string text(kOwnerSizeMax, '\0');
      KACHERY_TRY(size, (*file)->read_at(0, std::as_writable_bytes(std::span(text))));
      text.resize(size);
      return printable(text.substr(0, text.find('\n')));
    }
    return "";
  }

  static constexpr std::size_t kOwnerSizeMax = 80;  // gen1's own limit.
  bool ephemeral_ = false;
};

// gen1 printed the private key, too; ours stays in its file.
class GenerateNodeId final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(identity, find_identity(configuration, MissingKey::generate));
    KACHERY_ASSERT(identity);
    KACHERY_TRY(context.print(identity->node_id().hex()));
    return 0;
  }
};

class ConfigEphemeralNode final : public Command {
 public:
  void declare(Options&) override {}
  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(require_hub(configuration, "naming the owner of this node"));
    return fail(
        Code::unavailable,
        "a node's owner is the user for whom it is registered: kachery init --user NAME asks for that");
  }
};

class Version final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(context.print(KACHERY_VERSION));
    return 0;
  }
};

}  // namespace

CommandList client_commands() {
  return {
      {"store-file",
       "Keep a copy of a file here, and in the zone of a hub that is configured, and print its URI",
       make_command<StoreFile>},
      {"link-file", "Note where a file is, without a copy, and print its URI", make_command<LinkFile>},
      {"load-file", "Print the path of a file's content", make_command<LoadFile>},
      {"cat-file", "Write a file's content to standard output", make_command<CatFile>},
      {"info", "Print who this node is", make_command<Info>},
      {"generate-node-id", "Make this node's key if there is none, and print its ID",
       make_command<GenerateNodeId>},
      {"config-ephemeral-node", "Name the owner of this node", make_command<ConfigEphemeralNode>},
      {"version", "Print the version", make_command<Version>},
  };
}

}  // namespace kachery::cli
