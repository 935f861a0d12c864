// The commands that prove what is in a feed, and check such proofs with no network and no store.
#include <fmt/format.h>

#include <filesystem>

#include "commands.h"
#include "core/text.h"
#include "feed/feeds.h"
#include "feed_options.h"
#include "json/json.h"
#include "os/file.h"
#include "os/replacement.h"

namespace kachery::cli {
namespace {

// A proof of a message of 60,000 bytes has some 90,000.
constexpr std::size_t kProofBytesMax = 1 << 20;

Result<std::string> read_text(const std::string& path) {
  KACHERY_TRY(file, open_user_file(path));
  std::string text(kProofBytesMax + 1, '\0');
  KACHERY_TRY(size, file->read_at(0, std::as_writable_bytes(std::span(text))));
  if (size > kProofBytesMax) return fail(Code::invalid, printable(path) + " is too long for a proof");
  text.resize(size);
  return text;
}

// A subfeed of this store, and what knows of it.
struct Named {
  FeedUri uri;
  feed::SubfeedId subfeed;
  feed::Feeds* feeds;
};

Result<Named> find(Context& context, const std::string& name) {
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(uri, session->find_subfeed(name));
  KACHERY_TRY(subfeed, feed::subfeed_id(uri));
  KACHERY_TRY(feeds, session->feeds());
  return Named{std::move(uri), subfeed, feeds};
}

// Text that is made for files: as it is, or as a member of an object.
Result<> print_text(const Context& context, const std::string& uri, const char* member,
                    const std::string& text) {
  if (context.common.json) return context.print(json::Object{{"uri", uri}, {member, text}});
  return context.write(as_bytes(text));
}

class FeedProveCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("subfeed", subfeed_, kSubfeedHelp);
    options.option("--message", message_, "That it has the message of this number, counted from 0");
    options.option("--since", since_, "That it begins with the tree that had so many messages");
  }

  Result<int> run(Context& context) override {
    if (message_.has_value() == since_.has_value())
      return fail(Code::invalid, "say what to prove: --message NUMBER, or --since SIZE");
    KACHERY_TRY(named, find(context, subfeed_));
    if (message_) {
      KACHERY_TRY(proof, named.feeds->prove(named.subfeed, *message_));
      KACHERY_TRY(print_text(context, named.uri.str(), "proof", proof.str()));
    } else {
      KACHERY_TRY(proof, named.feeds->prove_since(named.subfeed, *since_));
      KACHERY_TRY(print_text(context, named.uri.str(), "proof", proof.str()));
    }
    return 0;
  }

 private:
  std::string subfeed_;
  std::optional<ByteCount> message_;
  std::optional<ByteCount> since_;
};

class FeedCheckpointCommand final : public Command {
 public:
  void declare(Options& options) override { options.argument("subfeed", subfeed_, kSubfeedHelp); }

  Result<int> run(Context& context) override {
    KACHERY_TRY(named, find(context, subfeed_));
    KACHERY_TRY(note, named.feeds->checkpoint(named.subfeed));
    KACHERY_TRY(print_text(context, named.uri.str(), "checkpoint", note));
    return 0;
  }

 private:
  std::string subfeed_;
};

class FeedVkeyCommand final : public Command {
 public:
  void declare(Options& options) override { options.argument("subfeed", subfeed_, kSubfeedHelp); }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(uri, session->find_subfeed(subfeed_));
    KACHERY_TRY(subfeed, feed::subfeed_id(uri));
    const std::string vkey = feed::note_key_of(subfeed).str();
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"uri", uri.str()}, {"vkey", vkey}}));
    } else {
      KACHERY_TRY(context.print(vkey));
    }
    return 0;
  }

 private:
  std::string subfeed_;
};

class FeedExportCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("subfeed", subfeed_, kSubfeedHelp);
    options.argument("directory", directory_, "Where the files go; made if it is missing");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(named, find(context, subfeed_));
    std::int64_t files = 0;
    const auto write = [&](const std::string& path, ByteView content) -> Result<> {
      std::error_code error;
      const std::filesystem::path target = std::filesystem::absolute(directory_, error) / path;
      std::filesystem::create_directories(target.parent_path(), error);
      if (error)
        return fail_errno(error.value(), "cannot make the directory " + target.parent_path().native());
      KACHERY_TRY(file, replace_user_file(target));
      KACHERY_TRY(file->append(content));
      KACHERY_TRY(file->commit());
      ++files;
      return {};
    };
    KACHERY_TRY(named.feeds->export_files(named.subfeed, write));
    if (context.common.json)
      KACHERY_TRY(context.print(json::Object{{"uri", named.uri.str()}, {"files", files}}));
    return 0;
  }

 private:
  std::string subfeed_;
  std::string directory_;
};

class FeedVerifyCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("what", what_, "The file of a proof, or a subfeed of this store, all of which is read");
    options.option("--of", of_, "The subfeed that the proof has to be of: feed://ID/SUBFEED");
    options.option("--since", since_,
                   "The file of the older checkpoint, for a proof that a subfeed begins with it");
  }

  Result<int> run(Context& context) override {
    std::error_code error;
    if (!has_scheme(what_) && std::filesystem::exists(what_, error)) return check_file(context);
    KACHERY_TRY(named, find(context, what_));
    feed::ReadRange range;
    for (;;) {
      KACHERY_TRY(messages, named.feeds->read(named.subfeed, range));
      if (messages.empty()) break;
      range.next += messages.size();
    }
    const std::string uri = named.uri.str();
    if (context.common.json) {
      KACHERY_TRY(context.print(result(uri, range.next)));
    } else {
      KACHERY_TRY(context.print(fmt::format("{}: {} messages, as they were signed", uri, range.next)));
    }
    return 0;
  }

 private:
  static json::Object result(const std::string& uri, feed::TreeSize size) {
    return {{"uri", uri}, {"size", size}, {"number", nullptr}, {"timestamp_ms", nullptr}, {"entry", nullptr}};
  }

  // Whose proof it is has to be known, or is shown.
  Result<> check_subfeed(const feed::SubfeedId& proved) const {
    if (of_.empty()) return {};
    KACHERY_TRY(uri, FeedUri::parse(of_));
    KACHERY_TRY(wanted, feed::subfeed_id(uri));
    if (wanted == proved) return {};
    return fail(Code::corrupt, "the proof is of " + proved.str() + ", not of " + printable(of_));
  }

  Result<int> check_file(const Context& context) const {
    KACHERY_TRY(text, read_text(what_));
    if (!since_.empty()) return check_since(context, text);
    KACHERY_TRY(proof, feed::InclusionProof::parse(text));
    KACHERY_TRY(proved, feed::check(proof));
    KACHERY_TRY(check_subfeed(proved.of.subfeed));
    const std::string uri = proved.of.subfeed.str();
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"uri", uri},
                                             {"size", proved.of.checkpoint.size},
                                             {"number", proved.entry.number},
                                             {"timestamp_ms", proved.entry.timestamp_ms},
                                             {"entry", proof.entry}}));
    } else {
      KACHERY_TRY(context.print(fmt::format("{}: this is message {} of {}: {}", uri, proved.entry.number,
                                            proved.of.checkpoint.size, printable(proof.entry))));
    }
    return 0;
  }

  Result<int> check_since(const Context& context, const std::string& text) const {
    KACHERY_TRY(old_note, read_text(since_));
    KACHERY_TRY(proof, feed::ConsistencyProof::parse(text));
    KACHERY_TRY(proved, feed::check(proof, old_note));
    KACHERY_TRY(check_subfeed(proved.subfeed));
    const std::string uri = proved.subfeed.str();
    if (context.common.json) {
      KACHERY_TRY(context.print(result(uri, proved.checkpoint.size)));
    } else {
      KACHERY_TRY(context.print(fmt::format("{}: its {} messages begin with the older {}", uri,
                                            proved.checkpoint.size, proof.old_size)));
    }
    return 0;
  }

  std::string what_;
  std::string of_;
  std::string since_;
};

}  // namespace

CommandList feed_proof_commands() {
  return {
      {"feed prove", "Print a proof that anybody can check", make_command<FeedProveCommand>},
      {"feed verify", "Check a proof, with no network, or all messages of a subfeed",
       make_command<FeedVerifyCommand>},
      {"feed checkpoint", "Print what the feed's key has signed last", make_command<FeedCheckpointCommand>},
      {"feed vkey", "Print the key that verifies its checkpoints, for other programs",
       make_command<FeedVkeyCommand>},
      {"feed export", "Write the files of a subfeed, as logs are served (tlog-tiles)",
       make_command<FeedExportCommand>},
  };
}

}  // namespace kachery::cli
