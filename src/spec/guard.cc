// `guard`: what guards do besides opening and closing.
#include "spec/application.h"

namespace leeward::spec {
namespace {

using model::Hook;

constexpr std::int64_t kMaxArguments = 32;  // with the program itself

// [/usr/local/bin/shop-fenced, --now]
void ReadRun(Context& context, const YAML::Node& node, const std::string& name, Hook& hook) {
  if (!context.List(node, name, kMaxArguments)) return;
  if (node.size() == 0)
    context.Complain(node, name + " is empty", std::string("write ") + kProgram.what);
  std::vector<std::string> run;
  for (const YAML::Node& entry : node) {
    const bool program = run.empty();
    std::string text;
    if (!context.Text(entry, program ? "the program of " + name : "an argument in " + name,
                      program ? kProgram : kArgument, &text))
      return;
    run.push_back(std::move(text));
  }
  hook.run = std::move(run);
}

}  // namespace

std::vector<Field<Hook>> HookFields() {
  using std::chrono::milliseconds;
  return {{{"run", Need::kRequired, ListShape(TextShape(kArgument), kMaxArguments),
            "a program's absolute path and its arguments; no shell, and no secrets"},
           ReadRun},
          TimeField("within", &Hook::within, {milliseconds(100), std::chrono::minutes(1)},
                    Need::kOptional, "then it is ended; default: 5s")};
}

std::vector<Field<model::GuardTerms>> GuardFields() {
  return {ObjectField("on-fence", &model::GuardTerms::on_fence, HookFields(), Need::kOptional,
                      "a program that each guard runs when it closes its Region's databases")};
}

}  // namespace leeward::spec
