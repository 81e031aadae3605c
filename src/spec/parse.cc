#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <sstream>

#include "spec/application.h"
#include "spec/spec.h"

namespace leeward::spec {
namespace {

using Bytes = std::string_view;

// How many bytes the character that begins with `lead` has; 0 when no text character begins so.
std::size_t CharacterBytes(unsigned char lead) {
  if (lead == '\n' || lead == '\r' || lead == '\t') return 1;
  if (lead < 0x20 || lead == 0x7f) return 0;  // control characters, NUL among them
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// The offset of the first byte that is not UTF-8 text; the size when all is well.
std::size_t FirstBadByte(Bytes text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = CharacterBytes(static_cast<unsigned char>(text[at]));
    if (length == 0 || at + length > text.size()) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return at;
    }
    at += length;
  }
  return text.size();
}

Diagnostic AtOffset(const std::string& path, Bytes text, std::size_t offset) {
  Diagnostic diagnostic{path, 1, 1, {}, {}};
  for (char c : text.substr(0, offset)) {
    diagnostic.column = c == '\n' ? 1 : diagnostic.column + 1;
    if (c == '\n') ++diagnostic.line;
  }
  return diagnostic;
}

// What can be said before YAML is read.
Diagnostics CheckBytes(Bytes text, const std::string& path) {
  if (text.size() > kMaxBytes) {
    return {{path, 0, 0, "the file has " + std::to_string(text.size()) + " bytes",
             "a spec has at most " + std::to_string(kMaxBytes >> 20) +
                 " MiB; is this the right file?"}};
  }
  if (const std::size_t bad = FirstBadByte(text); bad < text.size()) {
    Diagnostic diagnostic = AtOffset(path, text, bad);
    diagnostic.what = "this is not UTF-8 text";
    diagnostic.fix = "write a YAML file in UTF-8; is this the right file?";
    return {diagnostic};
  }
  return {};
}

// Where documents begin; what is in them is passed over.
class DocumentStarts : public YAML::EventHandler {
 public:
  std::vector<YAML::Mark> marks;

  void OnDocumentStart(const YAML::Mark& mark) override { marks.push_back(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}
};

// Not YAML::LoadAll: where no document can begin (a lone '}'), it finds empty ones without end.
bool HasOneDocument(Bytes text, Context& context) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  DocumentStarts starts;
  while (starts.marks.size() < 2 && parser.HandleNextDocument(starts)) {
  }
  if (starts.marks.size() < 2) return true;
  context.ComplainAt(starts.marks[1], "the YAML document of the spec ends before this",
                     "write one application a file, or mend the syntax here or just above");
  return false;
}

// The one document of the file; undefined after a complaint.
YAML::Node LoadOne(Bytes text, Context& context) {
  try {
    if (!HasOneDocument(text, context)) return YAML::Node(YAML::NodeType::Undefined);
    YAML::Node document = YAML::Load(std::string(text));
    if (!document.IsDefined() || document.IsNull()) {
      context.ComplainAt(YAML::Mark::null_mark(), "the spec is empty",
                         "write apiVersion, application, regions and so on");
      return YAML::Node(YAML::NodeType::Undefined);
    }
    return document;
  } catch (const YAML::Exception& error) {
    context.ComplainAt(error.mark, "this is not YAML: " + error.msg,
                       "mend the syntax here or just above");
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

void ReadRoot(const YAML::Node& root, Context& context, model::Application& application) {
  if (!root.IsMap()) {
    context.Complain(root, "the spec is not a mapping", "write apiVersion: leeward/v1 and so on");
    return;
  }
  application.detection.quorum = 0;  // told apart from what the spec says
  ReadFields(context, root, "", ApplicationFields(), application);
  FillDefaults(application);
  CheckRelations(context, root, application);
}

}  // namespace

std::string ToText(const Diagnostic& diagnostic) {
  std::string place = diagnostic.file;
  if (diagnostic.line > 0) place += ":" + std::to_string(diagnostic.line);
  if (diagnostic.line > 0 && diagnostic.column > 0)
    place += ":" + std::to_string(diagnostic.column);
  return place + ": " + diagnostic.what + "; " + diagnostic.fix;
}

std::variant<model::Application, Diagnostics> Parse(std::string_view text,
                                                    const std::string& path) {
  if (Diagnostics bad = CheckBytes(text, path); !bad.empty()) return bad;
  Context context(path);
  model::Application application;
  try {
    const YAML::Node root = LoadOne(text, context);
    if (root.IsDefined()) ReadRoot(root, context, application);
  } catch (const YAML::Exception&
               error) {  // a node used as what it is not: the tables should have refused it
    context.ComplainAt(error.mark, "this cannot be read: " + error.msg,
                       "compare with `leeward schema`");
  }
  if (!context.clean()) return context.Take();
  return application;
}

}  // namespace leeward::spec
