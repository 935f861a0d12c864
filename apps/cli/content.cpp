// The commands for content: in, out, and what is known of it.
#include "content.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "commands.h"
#include "console.h"
#include "core/uri.h"
#include "json/json.h"
#include "store/pump.h"
#include "zone_choice.h"

namespace kachery::cli {
namespace {

// The files that are to be stored or linked, and how they are to be named.
struct Named {
  std::vector<std::string> paths;  // "-" is standard input.
  std::string list;                // A file with more paths; "-" is standard input; empty for none.
  bool null_separated = false;     // In `list`.
  std::optional<std::string> label;
  bool sha256 = false;

  Algorithm algorithm() const { return sha256 ? Algorithm::sha256 : Algorithm::sha1; }

  void declare(Options& options) {
    options.argument("path", paths, "Files; \"-\" is standard input");
    options.option("--from", list, "Also the files named in this file, one a line; \"-\" is standard input");
    options.flag("-0,--null", null_separated,
                 "The names in --from end with a NUL byte, as find -print0 writes");
    options.option("--label", label, "The label behind the hash, instead of the file's name (one file only)");
    options.flag("--sha256", sha256, "Name the content by SHA-256, not by SHA-1");
  }
};

Result<std::string> read_list(const std::string& list, Progress& progress) {
  std::unique_ptr<ByteSource> source;
  std::unique_ptr<File> file;
  if (list == "-") {
    source = stream_of_descriptor(STDIN_FILENO, progress.cancel);
  } else if (is_stream(list)) {
    KACHERY_TRY(stream, open_stream(list, progress.cancel));
    source = std::move(stream);
  } else {
    KACHERY_TRY(opened, open_user_file(list));
    file = std::move(opened);
    source = stream_of(*file);
  }
  std::string text;
  for (std::string piece(kPieceBytes, '\0');;) {
    KACHERY_TRY(got, source->read(std::as_writable_bytes(std::span(piece))));
    text.append(piece, 0, got);
    if (got < piece.size()) return text;
  }
}

// The paths of the command line, then those of --from.
Result<std::vector<std::filesystem::path>> paths_of(const Named& named, Progress& progress) {
  std::vector<std::filesystem::path> paths(named.paths.begin(), named.paths.end());
  if (!named.list.empty()) {
    KACHERY_TRY(text, read_list(named.list, progress));
    const char separator = named.null_separated ? '\0' : '\n';
    for (std::string_view left = text; !left.empty();) {
      const std::size_t end = std::min(left.find(separator), left.size());
      if (end > 0) paths.emplace_back(left.substr(0, end));
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  } else if (paths.empty()) {
    return fail(Code::invalid, "no file was named; give paths, \"-\" for standard input, or --from FILE");
  }
  if (named.label && paths.size() != 1) return fail(Code::invalid, "--label is for one file");
  return paths;
}

// So that progress can be shown in parts of the whole. Files that cannot be looked at are complained of
// later.
void count_sizes(Paths paths, Progress& progress) {
  progress.items_total = paths.size();
  ByteCount total = 0;
  std::error_code error;
  for (const auto& path : paths) {
    const auto size = std::filesystem::file_size(path, error);
    if (!error) total += size;
  }
  progress.bytes_total = total;
}

Result<> print_stored(const Context& context, const Named& named, Paths paths,
                      std::span<const Stored> stored) {
  json::Array items;
  std::string lines;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::string name = paths[i] == "-" ? "" : label_of(paths[i]);
    const Uri uri{stored[i].digest, named.label.value_or(name)};
    lines += uri.str() + "\n";
    items.emplace_back(
        json::Object{{"path", paths[i].native()}, {"uri", uri.str()}, {"size", stored[i].size}});
  }
  if (context.common.json) return context.print(json::Object{{"files", std::move(items)}});
  return context.write(as_bytes(lines));
}

class StoreCommand final : public Command {
 public:
  void declare(Options& options) override {
    named_.declare(options);
    options.flag("--evictable", evictable_,
                 "gc may delete it when the store is over its limit: for what can be had again");
    choice_.declare_destination(options,
                                "The zone of the hub that gets it too, instead of the one that is configured",
                                "Keep it here only, also where a hub is configured");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    // Before anything is stored.
    KACHERY_TRY(choice_.name(session->configuration()));
    KACHERY_TRY(choice_.channel_name(session->configuration()));
    KACHERY_TRY(paths, paths_of(named_, context.progress));
    KACHERY_TRY(stored, store(context, paths));
    KACHERY_TRY(upload_stored(context, stored, choice_));
    KACHERY_TRY(print_stored(context, named_, paths, stored));
    return 0;
  }

 private:
  Result<std::vector<Stored>> store(Context& context, Paths paths) const {
    if (std::ranges::find(paths, "-") == paths.end())
      return store_content(context, paths, named_.algorithm(), origin());
    if (paths.size() > 1)
      return fail(Code::invalid, "standard input (\"-\") is stored alone, without other files");
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(store, session->writing_store());
    const ProgressPrinter printer(context.progress, "storing", context.common.quiet);
    const auto source = stream_of_descriptor(STDIN_FILENO, context.progress.cancel);
    KACHERY_TRY(one, store->put(*source, named_.algorithm(), context.progress, origin()));
    return std::vector{one};
  }

  Origin origin() const { return evictable_ ? Origin::fetched : Origin::own; }

  Named named_;
  bool evictable_ = false;
  ZoneChoice choice_;
};

class LinkCommand final : public Command {
 public:
  void declare(Options& options) override { named_.declare(options); }

  Result<int> run(Context& context) override {
    KACHERY_TRY(paths, paths_of(named_, context.progress));
    KACHERY_TRY(linked, link_content(context, paths, named_.algorithm()));
    KACHERY_TRY(print_stored(context, named_, paths, linked));
    return 0;
  }

 private:
  Named named_;
};

class LoadCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH, sha256://HASH, or a path");
    options.option("--dest", destination_, "Put a copy here, and print this path");
    choice_.declare_sources(options);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(sources, choice_.sources(configuration));
    KACHERY_TRY(located, load_content(context, name_, destination_, sources));
    if (context.common.json) {
      KACHERY_TRY(context.print(json::Object{
          {"name", name_}, {"path", located.path.native()}, {"size", located.size}, {"kind", located.kind}}));
    } else {
      KACHERY_TRY(context.print(located.path.native()));
    }
    return 0;
  }

 private:
  std::string name_;
  std::string destination_;  // Empty: where it lies.
  ZoneChoice choice_;
};

class CatCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH, sha256://HASH, or a path");
    options.option("--start", start_, "The first byte, counted from 0");
    options.option("--end", end_, "The byte behind the last one");
    choice_.declare_sources(options);
  }

  Result<int> run(Context& context) override {
    if (context.common.json)
      return fail(Code::invalid, "cat writes the content itself; --json has no meaning here");
    KACHERY_TRY(configuration, context.configuration());
    KACHERY_TRY(sources, choice_.sources(configuration));
    KACHERY_TRY(located, open_content(context, name_, sources));
    KACHERY_TRY(write_range(context, located, name_, {start_, end_}));
    return 0;
  }

 private:
  std::string name_;
  std::optional<ByteCount> start_;
  std::optional<ByteCount> end_;
  ZoneChoice choice_;
};

class InfoCommand final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH, sha256://HASH, or a path", Required::no);
    choice_.declare_sources(options);
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(fields, name_.empty() ? about_store(*session) : about_content(context, *session));
    KACHERY_TRY(context.print_fields(std::move(fields)));
    return 0;
  }

 private:
  static Result<json::Object> about_store(Session& session) {
    const Configuration& configuration = session.configuration();
    KACHERY_TRY(store, session.reading_store());
    return json::Object{{"version", KACHERY_VERSION},
                        {"directory", configuration.directory.native()},
                        {"directory_origin", configuration.directory_origin},
                        {"directory_exists", store != nullptr}};
  }

  Result<json::Object> about_content(Context& context, Session& session) const {
    KACHERY_TRY(sources, choice_.sources(session.configuration()));
    const ProgressPrinter printer(context.progress, "loading", context.common.quiet);
    KACHERY_TRY(located, session.locate(name_, sources, context.progress));
    const Result<Uri> uri = Uri::parse(name_);
    const bool labelled = uri && !uri->label.empty();
    return json::Object{{"name", name_},
                        {"kind", located.kind},
                        {"path", located.path.native()},
                        {"size", located.size},
                        {"label", labelled ? json::Value(uri->label) : json::Value()}};
  }

  std::string name_;  // Empty: the store itself.
  ZoneChoice choice_;
};

}  // namespace

Result<std::vector<Stored>> store_content(Context& context, Paths paths, Algorithm algorithm, Origin origin) {
  count_sizes(paths, context.progress);
  KACHERY_TRY(session, context.session());
  const ProgressPrinter printer(context.progress, "storing", context.common.quiet);
  return session->store_many(paths, algorithm, context.progress, origin);
}

Result<std::vector<Stored>> link_content(Context& context, Paths paths, Algorithm algorithm) {
  count_sizes(paths, context.progress);
  KACHERY_TRY(session, context.session());
  KACHERY_TRY(store, session->writing_store());
  const ProgressPrinter printer(context.progress, "hashing", context.common.quiet);
  return store->link_files(paths, algorithm, context.progress);
}

Result<Located> load_content(Context& context, const std::string& name, const std::string& destination,
                             const Sources& sources) {
  KACHERY_TRY(session, context.session());
  const ProgressPrinter printer(context.progress, "loading", context.common.quiet);
  KACHERY_TRY(located, session->locate(name, sources, context.progress));
  if (!destination.empty()) {
    KACHERY_TRY(session->copy_to(name, destination, sources, context.progress));
    located.path = destination;
  }
  return located;
}

Result<Located> open_content(Context& context, const std::string& name, const Sources& sources) {
  KACHERY_TRY(session, context.session());
  const ProgressPrinter printer(context.progress, "loading", context.common.quiet);
  return session->open(name, sources, context.progress);
}

Result<> write_range(Context& context, const Located& located, const std::string& name, const Range& asked) {
  const ByteRange range{asked.start.value_or(0), asked.end.value_or(located.size)};
  if (range.start > range.end || range.end > located.size)
    return fail(Code::invalid, fmt::format("the bytes {} to {} are not within the {} bytes of {}",
                                           range.start, range.end, located.size, name));
  std::vector<std::byte> piece(std::min<ByteCount>(kPieceBytes, range.size()));
  for (ByteCount offset = range.start; offset < range.end;) {
    const auto part = std::span(piece).first(std::min<ByteCount>(piece.size(), range.end - offset));
    KACHERY_TRY(read_exactly(*located.file, offset, part));
    KACHERY_TRY(context.write(part));
    offset += part.size();
    if (context.progress.cancel) return fail_cancelled();
  }
  return {};
}

CommandList content_commands() {
  return {
      {"store",
       "Keep copies of files here, and in the zone of a hub that is configured, and print their URIs",
       make_command<StoreCommand>},
      {"link", "Note where files are, on this machine only and without a copy, and print their URIs",
       make_command<LinkCommand>},
      {"load", "Print the path of a file's content", make_command<LoadCommand>},
      {"cat", "Write a file's content to standard output", make_command<CatCommand>},
      {"info", "Say what is known of a file, or of the store", make_command<InfoCommand>},
  };
}

}  // namespace kachery::cli
