// kachery-cloud, and kachery-cloud-*: the second generation's commands.
#include <fmt/format.h>

#include "content.h"
#include "core/text.h"
#include "core/uri.h"
#include "older.h"
#include "os/file.h"
#include "store/pump.h"

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
    options.flag("--cache-locally", cache_locally_, "Changes nothing: a copy is always kept here");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(path, path_of(context, file_.name));
    KACHERY_TRY(stored, store_content(context, {&path, 1}, Algorithm::sha1));
    KACHERY_TRY(context.print(file_.uri(stored.front().digest)));
    return 0;
  }

 private:
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
    KACHERY_TRY(located, load_content(context, name_, destination_, {Location::use}));
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

  // The members of a hub's answer, and "local". What is not here only a hub can know.
  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    const auto located = session->open(name_, {Location::use}, context.progress);
    if (!located && located.error().code == Code::not_found)
      return fail_no_hub(context, located.error().message + "; looking farther");
    if (!located) return std::unexpected(located.error());
    KACHERY_TRY(context.print(fmt::format(
        "{{\n    \"type\": \"findFile\",\n    \"found\": true,\n    \"size\": {},\n    \"local\": true\n}}",
        located->size)));
    return 0;
  }

 private:
  std::string name_;
};

class CatFile final : public Command {
 public:
  void declare(Options& options) override {
    options.argument("uri", name_, "sha1://HASH?label=..., or a path");
  }

  Result<int> run(Context& context) override {
    KACHERY_TRY(session, context.session());
    KACHERY_TRY(located, session->open(name_, {Location::use}, context.progress));
    KACHERY_TRY(write_range(context, located, name_, {}));
    return 0;
  }

 private:
  std::string name_;
};

class Init final : public Command {
 public:
  void declare(Options&) override {}
  Result<int> run(Context& context) override { return fail_no_hub(context, "registering this node"); }
};

class AdminDeleteFile final : public Command {
 public:
  void declare(Options& options) override { options.argument("uri", name_, "sha1://HASH"); }
  Result<int> run(Context& context) override { return fail_no_hub(context, "deleting from a zone's bucket"); }

 private:
  std::string name_;
};

}  // namespace

CommandList cloud_commands() {
  return {
      {"init", "Register this node with the hub", make_command<Init>},
      {"store-file", "Keep a copy of a file, and print its URI", make_command<StoreFile>},
      {"store-file-local", "The same, on this machine only", make_command<StoreFileLocal>},
      {"link-file", "Note where a file is, without a copy, and print its URI", make_command<LinkFile>},
      {"load-file", "Print the path of a file's content", make_command<LoadFile>},
      {"load-file-info", "Print what is known of a file, as JSON", make_command<LoadFileInfo>},
      {"cat-file", "Write a file's content to standard output", make_command<CatFile>},
      {"admin-delete-file", "Delete a file from the zone's bucket", make_command<AdminDeleteFile>},
  };
}

}  // namespace kachery::cli
