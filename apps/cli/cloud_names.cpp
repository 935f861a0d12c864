// kachery-cloud, and kachery-cloud-*: the second generation's commands.
#include <fmt/format.h>

#include "console.h"
#include "content.h"
#include "core/text.h"
#include "core/uri.h"
#include "json/json.h"
#include "older.h"
#include "os/file.h"
#include "registration.h"
#include "store/pump.h"
#include "zone_choice.h"
#include "zone_files.h"

namespace kachery::cli {
namespace {

// The file to take, and what to call it.
struct Labelled {
  std::string name;  // A path, or a URI of something that is here.
  std::optional<std::string> label;

  void declare(Options& options) {
    options.argument("filename", name, "A file, or the URI of one that is here");
    options.option("--label", label, "The label behind the hash, instead of the file's name");
  }

  std::string uri(const Digest& digest, const std::string& location = "") const {
    return Uri{digest, label.value_or(label_of(name)), {}, location}.str(LabelStyle::query);
  }
};

Result<std::filesystem::path> path_of(Context& context, const std::string& name) {
  if (!has_scheme(name)) return name;
  KACHERY_TRY(located, load_content(context, name, ""));
  return located.path;
}

Result<Digest> hash_file(const Context& context, const std::filesystem::path& path) {
  KACHERY_TRY(file, open_user_file(path));
  const auto source = stream_of(*file);
  KACHERY_TRY(pumped, pump(*source, Algorithm::sha1, context.progress));
  return pumped.digest;
}

class StoreFile final : public Command {
 public:
  void declare(Options& options) override {
    file_.declare(options);
    options.flag("--cache-locally", cache_locally_,
                 "Keep a copy here, too; without a hub one is always kept");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(path, path_of(context, file_.name));
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(stored, cache_locally_ || !session->has_hub() ? keep(context, path) : send(context, path));
    KACHERY_TRY(context.print(file_.uri(stored.front().digest)));
    return 0;
  }

 private:
  static Result<std::vector<Stored>> keep(Context& context, const std::filesystem::path& path) {
    KACHERY_TRY(stored, store_content(context, {&path, 1}, Algorithm::sha1));
    KACHERY_TRY(upload_stored(context, stored, {}));
    return stored;
  }

  static Result<std::vector<Stored>> send(Context& context, const std::filesystem::path& path) {
    KACHERY_TRY(session, context.session());
    const ProgressPrinter printer(context.progress, "uploading", context.common.quiet);
    return session->upload_files({&path, 1}, Algorithm::sha1, {}, context.progress);
  }

  Labelled file_;
  bool cache_locally_ = false;
};

class StoreFileLocal final : public Command {
 public:
  void declare(Options& options) override {
    file_.declare(options);
    options.flag("--reference", reference_, "Copy nothing; the URI says where the file is");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(path, path_of(context, file_.name));
    if (reference_) {
      KACHERY_TRY(uri, reference(context, path));
      KACHERY_TRY(context.print(uri));
      return 0;
    }
    KACHERY_TRY(stored, store_content(context, {&path, 1}, Algorithm::sha1));
    KACHERY_TRY(context.print(file_.uri(stored.front().digest)));
    return 0;
  }

 private:
  Result<std::string> reference(const Context& context, const std::filesystem::path& path) const {
    const std::string absolute = std::filesystem::absolute(path).native();
    KACHERY_TRY(digest, hash_file(context, path));
    std::string uri = file_.uri(digest, absolute);
    // The older form quotes nothing, so not every path can stand in one.
    KACHERY_TRY(Uri::parse(uri));
    return uri;
  }

  Labelled file_;
  bool reference_ = false;
};

class LinkFile final : public Command {
 public:
  void declare(Options& options) override { file_.declare(options); }

  Result<int> run(Context& context) override {
    const std::filesystem::path path = file_.name;
    KACHERY_TRY(linked, link_content(context, {&path, 1}, Algorithm::sha1));
    KACHERY_TRY(context.print(file_.uri(linked.front().digest)));
    return 0;
  }

 private:
  Labelled file_;
};

class LoadFile final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH?label=..., or a path");
    options.option("--dest", destination_, "Put a copy here, and print this path");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(located, load_content(context, name_, destination_, sources_of_environment(Location::use)));
    KACHERY_TRY(context.print(located.path.native()));
    return 0;
  }

 private:
  std::string name_;
  std::string destination_;
};

class LoadFileInfo final : public Command {
 public:
  void declare(Options& options) override { options.argument("uri", name_, "sha1://HASH?label=..."); }

  // gen2's answer of the zone; what is here does not count, unless there is no hub to be asked.
  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(lines, session->has_hub() ? of_zone(context, *session) : of_store(context, *session));
    KACHERY_TRY(context.print("{\n    \"type\": \"findFile\",\n    \"found\": true,\n" + lines + "\n}"));
    return 0;
  }

 private:
  Result<std::string> of_zone(const Context& context, Session& session) const {
    KACHERY_TRY(uri, Uri::parse(name_));
    KACHERY_TRY(file, session.file_info(uri.digest, {}, context.progress));
    return fmt::format("    \"size\": {},\n    \"zone\": {},\n    \"attestedBy\": {}", file.size,
                       json::Value(session.configuration().zone.value).str(),
                       json::Value(file.attested_by).str());
  }

  Result<std::string> of_store(Context& context, Session& session) const {
    const auto located = session.open(name_, {Location::use}, context.progress);
    if (!located && located.error().code == Code::not_found)
      KACHERY_TRY(require_hub(session.configuration(), located.error().message + "; looking farther"));
    if (!located) return std::unexpected(located.error());
    return fmt::format("    \"size\": {},\n    \"local\": true", located->size);
  }

  std::string name_;
};

class CatFile final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH?label=..., or a path");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(located, open_content(context, name_, sources_of_environment(Location::use)));
    KACHERY_TRY(write_range(context, located, name_, {}));
    return 0;
  }

 private:
  std::string name_;
};

class Init final : public Command {
 public:
  void declare(Options&) override {}

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(require_hub(session->configuration(), "registering this node"));
    KACHERY_TRY(who, join_hub(context, *session, {}));
    KACHERY_TRY(
        context.print(fmt::format("Client ID: {}\nLabel: {}\nOwner: {}", who.node->hex(),
                                  printable(who.label.value_or("")), who.user ? who.user->str() : "")));
    return 0;
  }
};

class AdminDeleteFile final : public Command {
 public:
  void declare(Options& options) override { options.argument("uri", name_, "sha1://HASH"); }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(require_hub(session->configuration(), "deleting from a zone"));
    KACHERY_TRY(digests, parse_digests({&name_, 1}));
    KACHERY_TRY(removed, remove_from_zone(context, digests, {.everybody = true}));
    if (removed.front()) return 0;
    return fail(Code::not_found, name_ + ": not found: the zone does not have it");
  }

 private:
  std::string name_;
};

}  // namespace

CommandList cloud_commands() {
  return {
      {"init", "Register this node with the hub", make_command<Init>},
      {"store-file", "Put a file into the zone, and print its URI; without a hub, keep a copy here",
       make_command<StoreFile>},
      {"store-file-local", "Keep a copy of a file here only, and print its URI",
       make_command<StoreFileLocal>},
      {"link-file", "Note where a file is, without a copy, and print its URI", make_command<LinkFile>},
      {"load-file", "Print the path of a file's content", make_command<LoadFile>},
      {"load-file-info", "Print what is known of a file, as JSON", make_command<LoadFileInfo>},
      {"cat-file", "Write a file's content to standard output", make_command<CatFile>},
      {"admin-delete-file", "Delete a file from the zone's bucket", make_command<AdminDeleteFile>},
  };
}

}  // namespace kachery::cli
