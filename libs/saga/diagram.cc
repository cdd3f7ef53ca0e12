#include "libs/saga/diagram.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace saga {
namespace {

// Mermaid takes a dash in a state's id for the beginning of an arrow, and has words of its own.
std::string IdOf(absl::string_view what, const Step& step) {
  return absl::StrCat(what, absl::StrReplaceAll(step.name, {{"-", "_"}}));
}
std::string Id(const Step& step) { return IdOf("do_", step); }
std::string UndoId(const Step& step) { return IdOf("undo_", step); }

std::string Commands(const Step& step, std::string Command::*name) {
  return absl::StrJoin(step.commands, " ∥ ", [&](std::string* out, const Command& command) {
    absl::StrAppend(out, command.*name);
  });
}

void AddState(std::string& out, absl::string_view id, absl::string_view title,
              absl::string_view commands) {
  absl::StrAppend(&out, "  state \"", title, "<br/>", commands, "\" as ", id, "\n");
}

void AddArrow(std::string& out, absl::string_view from, absl::string_view to,
              absl::string_view label) {
  absl::StrAppend(&out, "  ", from, " --> ", to, label.empty() ? "" : " : ", label, "\n");
}

absl::string_view LabelForward(StepKind kind) {
  return kind == StepKind::kPivot ? "accepted, only forward from here" : "done";
}

}  // namespace

std::string Mermaid(const StepTable& table) {
  std::string out = absl::StrCat("---\ntitle: ", table.type, " version ", table.version,
                                 "\n---\nstateDiagram-v2\n");
  for (const Step& step : table.steps) {
    AddState(out, Id(step), absl::StrCat(step.name, " (", Name(step.kind), ")"),
             Commands(step, &Command::name));
    if (step.kind != StepKind::kCompensatable) continue;
    AddState(out, UndoId(step), absl::StrCat("undo ", step.name), Commands(step, &Command::undo));
  }

  std::string from = "[*]";
  absl::string_view label;
  std::string back = "COMPENSATED";  // where a refusal of the next step leads
  for (const Step& step : table.steps) {
    AddArrow(out, from, Id(step), label);
    from = Id(step);
    label = LabelForward(step.kind);
    if (step.kind == StepKind::kRetriable) continue;
    AddArrow(out, Id(step), back, "refused");
    if (step.kind == StepKind::kPivot) continue;
    if (step.commands.size() > 1) AddArrow(out, Id(step), UndoId(step), "refused in part");
    AddArrow(out, UndoId(step), back, "undone");
    back = UndoId(step);
  }
  AddArrow(out, from, "COMPLETED", label);
  AddArrow(out, "COMPLETED", "[*]", "");
  const bool may_be_refused = std::any_of(table.steps.begin(), table.steps.end(), [](auto& step) {
    return step.kind != StepKind::kRetriable;
  });
  if (may_be_refused) AddArrow(out, "COMPENSATED", "[*]", "");
  return out;
}

}  // namespace saga
