// The commands about what a store holds, and how it gets smaller: ls, du, rm, gc.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <filesystem>

#include "commands.h"
#include "console.h"
#include "core/text.h"
#include "core/uri.h"
#include "json/json.h"
#include "store/housekeeping.h"
#include "zone_choice.h"
#include "zone_files.h"

namespace kachery::cli {
namespace {

std::string uri_of(const Digest& digest) {
  return Uri{digest, ""}.str();
}

// RFC 3339, UTC.
std::string time_of(std::int64_t time_ns) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time_ns / 1'000'000'000)));
}

json::Object tally_as_json(const Tally& tally) {
  return {{"count", tally.count}, {"bytes", tally.bytes}};
}

// Deleting needs a lock that everybody sees.
Result<> refuse_remote(Store& store, bool alone) {
  if (alone || !is_network_file_system(store.root().name())) return {};
  return fail(
      Code::unavailable,
      store.root().name() +
          " is on a network file system, where the locks of other computers may not be seen: run this "
          "where the disk is, or, while nobody else uses the store, with --alone");
}

constexpr const char* kAloneHelp = "On a network file system: nobody else uses this store now";

// Lines, or the members of a JSON array, written as they come: a store may have millions.
class ListPrinter {
 public:
  explicit ListPrinter(const Context& context) : context_(context) {
    if (context.common.json) text_ = R"({"files":[)";
  }

  Result<> add(const json::Object& item, const std::string& line) {
    if (context_.common.json) {
      text_ += (first_ ? "" : ",") + json::Value(item).str();
    } else {
      text_ += line + "\n";
    }
    first_ = false;
    return text_.size() < kFlushBytes ? Result<>() : flush();
  }

  Result<> finish() {
    if (context_.common.json) text_ += "]}\n";
    return flush();
  }

 private:
  static constexpr std::size_t kFlushBytes = 64 << 10;

  Result<> flush() {
    const std::string text = std::exchange(text_, {});
    return context_.write(as_bytes(text));
  }

  const Context& context_;
  std::string text_;
  bool first_ = true;
};

json::Array names_of(const std::vector<ChannelName>& channels) {
  json::Array names;
  for (const ChannelName& channel : channels) names.emplace_back(channel.str());
  return names;
}

class ListCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.flag("--objects", objects_, "Only what is stored");
    options.flag("--links", links_, "Only what is linked");
    options.flag("--mine", mine_, "What this node's user has stored in the zone, instead of what is here");
    options.option("--zone", choice_.zone,
                   "What is in this zone of the hub, which takes an admin; with --mine only one's own");
  }

  Result<int> run(Context& context) override {
    return mine_ || !choice_.zone.empty() ? list_in_zone(context) : list_here(context);
  }

 private:
  Result<int> list_in_zone(Context& context) const {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(require_hub(configuration, "ls --mine"));
    KACHERY_TRY(zone, choice_.name(configuration));
    ListPrinter printer(context);
    const auto on_file = [&](const wire::ListedFile& file) {
      const std::string uri = uri_of(file.digest);
      const std::string stored = time_of(file.stored_ms * 1'000'000);
      return printer.add({{"uri", uri},
                          {"kind", "zone"},
                          {"size", file.size},
                          {"stored", stored},
                          {"user", file.user.str()},
                          {"node", file.node.hex()},
                          {"checked", file.checked},
                          {"in_zone", file.in_zone},
                          {"channels", names_of(file.channels)}},
                         fmt::format("{}\t{}\t{}\t{}", uri, file.size, file.user.str(), stored));
    };
    KACHERY_TRY(list_zone(context, zone, mine_, on_file));
    KACHERY_TRY(printer.finish());
    return 0;
  }

  Result<int> list_here(Context& context) const {
    ListPrinter printer(context);
    const auto on_object = [&](const ObjectEntry& object) -> Result<> {
      if (links_ && !objects_) return {};
      const std::string kind = object.origin == Origin::own ? "own" : "fetched";
      const std::string uri = uri_of(object.digest);
      const std::string used = time_of(object.used_ns);
      return printer.add(
          {{"uri", uri}, {"kind", kind}, {"size", object.size}, {"used", used}, {"path", nullptr}},
          fmt::format("{}\t{}\t{}\t{}", uri, object.size, kind, used));
    };
    const auto on_link = [&](const LinkRecord& link) -> Result<> {
      if (objects_ && !links_) return {};
      const std::string uri = uri_of(link.digest);
      return printer.add({{"uri", uri},
                          {"kind", "link"},
                          {"size", link.size},
                          {"used", nullptr},
                          {"path", link.path.native()}},
                         fmt::format("{}\t{}\tlink\t-\t{}", uri, link.size, printable(link.path.native())));
    };
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(store, session->reading_store());
    if (store != nullptr) KACHERY_TRY(store->housekeeping().list(on_object, on_link, context.progress));
    KACHERY_TRY(printer.finish());
    return 0;
  }

  bool objects_ = false;
  bool links_ = false;
  bool mine_ = false;
  ZoneChoice choice_;
};

class UsageCommand final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(store, session->reading_store());
    Usage usage;
    if (store != nullptr) {
      const ProgressPrinter printer(context.progress, "counting", context.common.quiet);
      KACHERY_TRY(counted, store->housekeeping().usage(context.progress));
      usage = counted;
    }
    KACHERY_TRY(limit, cache_limit(session->configuration()));
    std::error_code error;
    const auto space = std::filesystem::space(session->configuration().directory, error);
    const json::Value free_bytes = error ? json::Value() : json::Value(std::uint64_t{space.available});
    if (context.common.json) {
      KACHERY_TRY(
          context.print(json::Object{{"directory", session->configuration().directory.native()},
                                     {"own", tally_as_json(usage.own)},
                                     {"fetched", tally_as_json(usage.fetched)},
                                     {"links", tally_as_json(usage.links)},
                                     {"quarantine", tally_as_json(usage.quarantine)},
                                     {"unfinished", tally_as_json(usage.unfinished)},
                                     {"gen1_trash", tally_as_json(usage.gen1_trash)},
                                     {"limit_bytes", limit.value ? json::Value(*limit.value) : json::Value()},
                                     {"free_bytes", free_bytes}}));
      return 0;
    }
    const auto line = [](std::string_view what, const Tally& tally) {
      return fmt::format("{:<24}{:>12} files {:>12}\n", what, tally.count, human_size(tally.bytes));
    };
    std::string text = line("own", usage.own) + line("fetched", usage.fetched) +
                       line("linked, elsewhere", usage.links) + line("in quarantine", usage.quarantine) +
                       line("unfinished", usage.unfinished);
    if (usage.gen1_trash.count > 0) text += line("sha1-trash of gen1", usage.gen1_trash);
    text += limit.value ? fmt::format("limit: {} ({})\n", human_size(*limit.value), limit.origin)
                        : std::string("limit: none (maxCacheSizeGiB is not set)\n");
    if (!error) text += fmt::format("free on this disk: {}\n", human_size(space.available));
    KACHERY_TRY(context.write(as_bytes(text)));
    return 0;
  }
};

class RemoveCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", names_, "sha1://HASH or sha256://HASH", Required::yes);
    options.flag("--alone", alone_, kAloneHelp);
    options.option("--zone", choice_.zone,
                   "Take back what this node's user has stored in this zone; what is here stays");
    options.flag("--everybody", everybody_, "With --zone: whoever stored it; takes an admin");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(digests, parse_digests(names_));
    if (everybody_ && choice_.zone.empty()) return fail(Code::invalid, "--everybody is for --zone ZONE");
    return choice_.zone.empty() ? remove_here(context, digests) : remove_in_zone(context, digests);
  }

 private:
  Result<int> remove_in_zone(Context& context, std::span<const Digest> digests) const {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(zone, choice_.name(configuration));
    KACHERY_TRY(outcome, remove_from_zone(context, digests, {zone, everybody_}));
    json::Array removed;
    json::Array missing;
    for (std::size_t i = 0; i < digests.size(); ++i) {
      (outcome[i] ? removed : missing).emplace_back(uri_of(digests[i]));
      if (!outcome[i]) {
        say(fmt::format("{}: not found among what {} in the zone {}", uri_of(digests[i]),
                        everybody_ ? "is" : "you stored", choice_.zone));
      } else if (!context.common.json) {
        KACHERY_TRY(context.print(uri_of(digests[i])));
      }
    }
    const bool all = missing.empty();
    const bool none = removed.empty();
    if (context.common.json)
      KACHERY_TRY(context.print(json::Object{
          {"zone", choice_.zone}, {"removed", std::move(removed)}, {"missing", std::move(missing)}}));
    return all ? 0 : none ? exit_status(Code::not_found) : kPartlyFailed;
  }

  Result<int> remove_here(Context& context, std::span<const Digest> digests) const {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(store, session->reading_store());
    if (store != nullptr) KACHERY_TRY(refuse_remote(*store, alone_));
    json::Array removed;
    json::Array missing;
    for (const Digest& digest : digests) {
      if (context.progress.cancel) break;
      const Result<Removed> one = store == nullptr
                                      ? fail(Code::not_found, uri_of(digest) + ": there is no store at " +
                                                                  session->configuration().directory.native())
                                      : store->housekeeping().remove(digest, context.progress);
      if (!one && one.error().code != Code::not_found) return std::unexpected(one.error());
      if (!one) {
        say(one.error().message);
        missing.emplace_back(uri_of(digest));
        continue;
      }
      removed.emplace_back(json::Object{
          {"uri", uri_of(digest)}, {"object", one->object}, {"links", one->links}, {"size", one->size}});
      if (!context.common.json) KACHERY_TRY(context.print(uri_of(digest)));
    }
    const bool all = missing.empty();
    const bool none = removed.empty();
    if (context.common.json)
      KACHERY_TRY(
          context.print(json::Object{{"removed", std::move(removed)}, {"missing", std::move(missing)}}));
    return all ? 0 : none ? exit_status(Code::not_found) : kPartlyFailed;
  }

  std::vector<std::string> names_;
  bool alone_ = false;
  ZoneChoice choice_;
  bool everybody_ = false;
};

class CollectCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.option(
        "--max-size", max_size_,
        "Evict until all objects together are not larger: 500M, 10G, 1.5T. Default: maxCacheSizeGiB");
    options.flag("--own", own_, "Also evict files that you stored, not only what was fetched");
    options.flag("-n,--dry-run", dry_run_, "Only print what would go");
    options.option("--min-age", min_age_s_,
                   "Spare what was stored or loaded within so many seconds. Default: 3600");
    options.flag("--alone", alone_, kAloneHelp);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(wish, wish_for(session->configuration()));
    KACHERY_TRY(store, session->reading_store());
    if (store != nullptr) KACHERY_TRY(refuse_remote(*store, alone_));
    json::Array uris;
    Collected collected;
    if (store != nullptr) {
      const auto on_evicted = [&](const ObjectEntry& object) -> Result<> {
        if (!context.common.json) return context.print(uri_of(object.digest));
        uris.emplace_back(uri_of(object.digest));
        return {};
      };
      const ProgressPrinter printer(context.progress, "looking", context.common.quiet);
      KACHERY_TRY(done, store->housekeeping().collect(wish, on_evicted, context.progress));
      collected = done;
    }
    const ByteCount left = collected.before.bytes - collected.evicted.bytes;
    if (context.common.json) {
      KACHERY_TRY(
          context.print(json::Object{{"dry_run", dry_run_},
                                     {"limit_bytes", wish.limit ? json::Value(*wish.limit) : json::Value()},
                                     {"before", tally_as_json(collected.before)},
                                     {"evicted", tally_as_json(collected.evicted)},
                                     {"young", tally_as_json(collected.young)},
                                     {"uris", std::move(uris)}}));
      return 0;
    }
    say(fmt::format("{} {} of {} objects, {} of {}", dry_run_ ? "would evict" : "evicted",
                    collected.evicted.count, collected.before.count, human_size(collected.evicted.bytes),
                    human_size(collected.before.bytes)));
    if (!wish.limit) {
      say("there is no limit: set maxCacheSizeGiB in config.yaml, or give --max-size");
    } else if (left > *wish.limit) {
      say(fmt::format(
          "{} are left, more than the limit of {}: {} are too young, the rest are your own files{}",
          human_size(left), human_size(*wish.limit), human_size(collected.young.bytes),
          own_ ? "" : ", which only --own evicts"));
    }
    return 0;
  }

 private:
  Result<CollectWish> wish_for(const Configuration& configuration) const {
    CollectWish wish{.own = own_, .dry_run = dry_run_};
    if (min_age_s_) {
      constexpr ByteCount kSecondsMax = 1'000'000'000;
      wish.age_min_ns = static_cast<std::int64_t>(std::min(*min_age_s_, kSecondsMax)) * 1'000'000'000;
    }
    if (max_size_) {
      KACHERY_TRY(limit, parse_size(*max_size_));
      wish.limit = limit;
      return wish;
    }
    KACHERY_TRY(limit, cache_limit(configuration));
    wish.limit = limit.value;
    return wish;
  }

  std::optional<std::string> max_size_;
  bool own_ = false;
  bool dry_run_ = false;
  std::optional<ByteCount> min_age_s_;
  bool alone_ = false;
};

}  // namespace

CommandList space_commands() {
  return {
      {"ls", "List what is stored and linked, or what is in a zone", make_command<ListCommand>},
      {"du", "Count what is here, and how much space it takes", make_command<UsageCommand>},
      {"rm", "Delete objects and link records, never a linked file; or, with --zone, what is in a zone",
       make_command<RemoveCommand>},
      {"gc",
       "Evict what was fetched and used longest ago, down to the limit; clear away what killed programs left",
       make_command<CollectCommand>},
  };
}

}  // namespace kachery::cli
