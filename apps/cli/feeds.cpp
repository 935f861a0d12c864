// The commands for feeds: signed logs of messages, on this machine.
#include "feed/feeds.h"

#include <fmt/format.h>

#include "commands.h"
#include "console.h"
#include "core/text.h"
#include "feed_options.h"
#include "json/json.h"
#include "os/file.h"

namespace kachery::cli {
namespace {

class FeedCreateCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("name", name_, "What it is called on this machine", Required::no);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(feeds, session->feeds());
    const auto name = name_.empty() ? std::nullopt : std::optional(name_);
    KACHERY_TRY(feed, feeds->create(name, feed::TakenName::refuse));
    const std::string uri = FeedUri{feed}.str();
    if (!context.common.json) KACHERY_TRY(context.print(uri));
    if (context.common.json)
      KACHERY_TRY(context.print(
          json::Object{{"uri", uri}, {"name", name ? json::Value(*name) : json::Value(nullptr)}}));
    return 0;
  }

 private:
  std::string name_;
};

class FeedListCommand final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(feeds, session->feeds());
    KACHERY_TRY(listings, feeds->list());
    json::Array items;
    std::string lines;
    for (const feed::FeedListing& listing : listings) add(listing, items, lines);
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{{"feeds", std::move(items)}}));
    } else {
      KACHERY_TRY(context.write(as_bytes(lines)));
    }
    return 0;
  }

 private:
  static void add(const feed::FeedListing& listing, json::Array& items, std::string& lines) {
    json::Array names;
    std::string joined;
    for (const std::string& name : listing.names) {
      names.emplace_back(name);
      joined += (joined.empty() ? "" : ", ") + printable(name);
    }
    json::Array subfeeds;
    const std::string kind = listing.writable           ? "own"
                             : listing.first_generation ? "first generation"
                                                        : "read only";
    if (listing.subfeeds.empty())
      lines += fmt::format("{}\t0\t{}\t{}\n", FeedUri{listing.feed}.str(), kind, joined);
    for (const feed::NamedSubfeed& subfeed : listing.subfeeds) {
      const std::string name = subfeed.name.value_or("~" + subfeed.hash.hex());
      const std::string uri = FeedUri{listing.feed, name}.str();
      lines += fmt::format("{}\t{}\t{}\t{}\n", uri, subfeed.size, kind, joined);
      subfeeds.emplace_back(json::Object{{"uri", uri}, {"name", name}, {"size", subfeed.size}});
    }
    items.emplace_back(json::Object{{"uri", FeedUri{listing.feed}.str()},
                                    {"names", std::move(names)},
                                    {"writable", listing.writable},
                                    {"first_generation", listing.first_generation},
                                    {"subfeeds", std::move(subfeeds)}});
  }
};

class FeedDeleteCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("feed", feed_, "The feed: feed://ID, or its name");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(feed, session->find_feed(feed_));
    KACHERY_TRY(feeds, session->feeds());
    KACHERY_TRY(deleted, feeds->remove(feed));
    const std::string uri = FeedUri{feed}.str();
    if (!deleted) return fail(Code::not_found, "there is no feed " + uri + " in this store");
    if (context.common.json) KACHERY_TRY(context.print(json::Object{{"uri", uri}, {"deleted", true}}));
    return 0;
  }

 private:
  std::string feed_;
};

class FeedAppendCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("subfeed", subfeed_, kSubfeedHelp);
    options.argument("message", messages_,
                     "JSON, or texts with --text; without any, each line of standard input is one");
    options.flag("--text", text_, "The messages are texts, and not JSON");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(uri, session->find_subfeed(subfeed_));
    KACHERY_TRY(feeds, session->feeds());
    KACHERY_TRY(appended, messages_.empty() ? append_input(*feeds, uri, context.progress)
                                            : feeds->append(uri, as_messages(messages_)));
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{
          {"uri", uri.str()}, {"appended", appended.size - appended.first}, {"size", appended.size}}));
    } else {
      KACHERY_TRY(context.print(std::to_string(appended.size)));
    }
    return 0;
  }

 private:
  std::vector<std::string> as_messages(const std::vector<std::string>& words) const {
    if (!text_) return words;
    std::vector<std::string> messages;
    messages.reserve(words.size());
    for (const std::string& word : words) messages.push_back(json::Value(word).str());
    return messages;
  }

  // What comes together is appended together, so that a pipe that never ends is appended as it comes.
  Result<feed::Appended> append_input(feed::Feeds& feeds, const FeedUri& uri,
                                      const Progress& progress) const {
    const auto input = stream_of_descriptor(0, progress.cancel);
    std::vector<std::byte> piece(1 << 20);
    std::string rest;
    KACHERY_TRY(all, feeds.append(uri, {}));
    for (;;) {
      KACHERY_TRY(count, input->read(piece));
      rest += as_text(std::span(piece).first(count));
      if (count == 0 && !rest.empty() && !rest.ends_with('\n')) rest += '\n';
      std::vector<std::string> lines;
      std::size_t begin = 0;
      for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n', begin)) {
        if (end > begin) lines.push_back(rest.substr(begin, end - begin));
        begin = end + 1;
      }
      rest.erase(0, begin);
      if (rest.size() > feed::kMessageBytesMax)
        return fail(Code::invalid,
                    "a line of standard input is longer than the longest message, 8388608 bytes");
      if (!lines.empty()) {
        KACHERY_TRY(appended, feeds.append(uri, as_messages(lines)));
        all.size = appended.size;
      }
      if (count == 0) return all;
    }
  }

  std::string subfeed_;
  std::vector<std::string> messages_;
  bool text_ = false;
};

// A message as an object with --json: its text is put there as it is, so that numbers stay what they were.
std::string as_json(const feed::Message& message) {
  return fmt::format(R"({{"number":{},"timestamp_ms":{},"message":{}}})", message.number,
                     message.timestamp_ms, message.text);
}

class FeedReadCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("subfeed", subfeed_, kSubfeedHelp);
    options.option("--start", start_, "The number of the first message, counted from 0");
    options.option("--count", count_, "No more than so many");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(uri, session->find_subfeed(subfeed_));
    KACHERY_TRY(subfeed, feed::subfeed_id(uri));
    KACHERY_TRY(feeds, session->feeds());
    KACHERY_TRY(known, feeds->knows(uri.feed));
    if (!known) return fail(Code::not_found, FeedUri{uri.feed}.str() + " is not in this store");
    bool is_first = true;
    if (context.common.json)
      KACHERY_TRY(context.write(as_bytes(R"({"uri":)" + json::Value(uri.str()).str() + R"(,"messages":[)")));
    feed::ReadRange range{start_.value_or(0)};
    if (count_) range.count_max = *count_;
    for (;;) {
      KACHERY_TRY(messages, feeds->read(subfeed, range));
      if (messages.empty()) break;
      std::string lines;
      for (const feed::Message& message : messages) {
        if (context.common.json && !is_first) lines += ',';
        lines += context.common.json ? as_json(message) : message.text + "\n";
        is_first = false;
      }
      KACHERY_TRY(context.write(as_bytes(lines)));
      range.next += messages.size();
      range.count_max -= messages.size();
    }
    if (context.common.json) KACHERY_TRY(context.print("]}"));
    return 0;
  }

 private:
  std::string subfeed_;
  std::optional<ByteCount> start_;
  std::optional<ByteCount> count_;
};

class FeedTailCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("subfeed", subfeed_, kSubfeedHelp);
    options.option("-n,--count", count_, "So many of the last messages; without it, 10");
    options.option("--start", start_, "Begin with the message of this number instead");
    options.flag("-f,--follow", follow_, "Go on with those that are appended from now on, until Ctrl-C");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(uri, session->find_subfeed(subfeed_));
    KACHERY_TRY(subfeed, feed::subfeed_id(uri));
    KACHERY_TRY(feeds, session->feeds());
    KACHERY_TRY(known, feeds->knows(uri.feed));
    if (!known) return fail(Code::not_found, FeedUri{uri.feed}.str() + " is not in this store");
    KACHERY_TRY(size, feeds->size(subfeed));
    constexpr ByteCount kCount = 10;
    const feed::TreeSize last = size - std::min<feed::TreeSize>(size, count_.value_or(kCount));
    feed::ReadRange range{start_.value_or(last)};
    for (;;) {
      KACHERY_TRY(messages, feeds->read(subfeed, range));
      std::string lines;
      for (const feed::Message& message : messages)
        lines += (context.common.json ? as_json(message) : message.text) + "\n";
      KACHERY_TRY(context.write(as_bytes(lines)));
      range.next += messages.size();
      if (!messages.empty()) continue;
      if (!follow_) return 0;
      const std::vector<feed::Position> positions{{subfeed, range.next}};
      KACHERY_TRY(feeds->wait(positions, std::chrono::hours(1), context.progress.cancel));
    }
  }

 private:
  std::string subfeed_;
  std::optional<ByteCount> count_;
  std::optional<ByteCount> start_;
  bool follow_ = false;
};

}  // namespace

CommandList feed_commands() {
  return {
      {"feed", "Signed logs of messages, on this machine", nullptr},
      {"feed create", "Create one, and print its URI", make_command<FeedCreateCommand>},
      {"feed append", "Append messages to a subfeed, and print how many it has then",
       make_command<FeedAppendCommand>},
      {"feed read", "Print the messages of a subfeed, each checked, as lines of JSON",
       make_command<FeedReadCommand>},
      {"feed tail", "Print its last messages, and with -f those that come", make_command<FeedTailCommand>},
      {"feed ls", "Print all subfeeds, with the number of their messages", make_command<FeedListCommand>},
      {"feed delete", "Delete a feed for good, with its key", make_command<FeedDeleteCommand>},
  };
}

}  // namespace kachery::cli
