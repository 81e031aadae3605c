#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/names.h"
#include "report/axis.h"
#include "report/parts.h"
#include "report/svg.h"

namespace leeward::report {
namespace {

constexpr double kWidth = 1000;

// "client tail" → "phase-client-tail"
std::string PhaseClass(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '-');
  return "phase-" + name;
}

double SecondsFrom(base::WallTime zero, base::WallTime at) { return base::Seconds(at - zero); }

// Instants that charts are measured from: the fault, or the first that is known.
base::WallTime Zero(const Report& report) {
  if (report.fault) return *report.fault;
  return report.load.buckets.empty() ? base::WallTime{} : report.load.start;
}

void DrawTimeAxis(Svg& svg, const Axis& x, double top, double bottom, const char* unit) {
  for (double tick : Ticks(x.low, x.high, 10)) {
    svg.Line(x.At(tick), top, x.At(tick), bottom, "grid");
    svg.Text(x.At(tick), bottom + 16, Anchor::kMiddle, "tick", TickText(tick) + unit);
  }
}

// --- Writes per second
// -------------------------------------------------------------------------------------

struct Column {
  double from = 0, to = 0;             // seconds
  double acknowledged = 0, ended = 0;  // a second; ended: acknowledged or failed
  std::uint64_t lost = 0;
};

// Buckets of the span, several in one column when there are more than can be seen.
std::vector<Column> ColumnsOf(const Report& report, const Span& span) {
  constexpr std::size_t kMost = 450;
  const LoadSeries& load = report.load;
  std::vector<Column> columns;
  const base::WallTime zero = Zero(report);
  const double bucket = base::Seconds(load.bucket);
  const auto wanted = static_cast<std::size_t>(
      std::max(1.0, std::ceil(base::Seconds(span.to - span.from) / bucket)));
  const std::size_t together = (wanted + kMost - 1) / kMost;
  for (std::size_t i = 0; i < load.buckets.size(); i += together) {
    Column column;
    const std::size_t end = std::min(load.buckets.size(), i + together);
    column.from = SecondsFrom(zero, load.start) + static_cast<double>(i) * bucket;
    column.to = column.from + static_cast<double>(end - i) * bucket;
    for (std::size_t j = i; j < end; ++j) {
      column.acknowledged += load.buckets[j].acknowledged;
      column.ended += load.buckets[j].acknowledged + load.buckets[j].failed;
      column.lost += load.buckets[j].lost;
    }
    column.acknowledged /= column.to - column.from;
    column.ended /= column.to - column.from;
    if (column.to > SecondsFrom(zero, span.from) && column.from < SecondsFrom(zero, span.to))
      columns.push_back(column);
  }
  return columns;
}

std::string StepPath(const std::vector<Column>& columns, double Column::*value, const Axis& x,
                     const Axis& y) {
  std::string path;
  for (const Column& column : columns) {
    const double from = std::max(column.from, x.low), to = std::min(column.to, x.high);
    path += fmt::format("{}{:.1f} {:.1f}L{:.1f} {:.1f}",
                        path.empty() ? fmt::format("M{:.1f} {:.1f}L", x.At(from), y.start) : "L",
                        x.At(from), y.At(column.*value), x.At(to), y.At(column.*value));
  }
  if (!columns.empty())
    path += fmt::format("L{:.1f} {:.1f}Z", x.At(std::min(columns.back().to, x.high)), y.start);
  return path;
}

void DrawOutage(Svg& svg, const Report& report, const Axis& x, double top, double bottom) {
  if (!report.fault) return;
  const double end = report.rto ? base::Seconds(report.rto->total) : x.high;
  const double from = std::max(0.0, x.low), to = std::min(end, x.high);
  if (to > from) {
    svg.Rect({x.At(from), top, x.At(to) - x.At(from), bottom - top}, "outage",
             report.rto ? "without service for " + base::HumanDuration(report.rto->total)
                        : "without service");
  }
  svg.Line(x.At(0), top - 14, x.At(0), bottom, "mark");
  svg.Text(x.At(0) - 4, top - 4, Anchor::kEnd, "label", report.fault_name);
  if (!report.rto || end > x.high) return;
  svg.Line(x.At(end), top - 14, x.At(end), bottom, "mark");
  constexpr double kLabelRoom = 200;
  const bool fits_behind = x.At(end) + kLabelRoom < kWidth;
  svg.Text(x.At(end) + (fits_behind ? 4 : -4), top - 4, fits_behind ? Anchor::kStart : Anchor::kEnd,
           "label", "first recovered write, " + base::HumanDuration(report.rto->total));
}

// Lost writes stand in front of the acknowledged ones they were among.
void DrawLost(Svg& svg, const std::vector<Column>& columns, const Axis& x, const Axis& y) {
  constexpr double kNarrowest = 3;
  std::uint64_t all = 0;
  double left = x.end, highest = y.start;
  for (const Column& column : columns) {
    if (column.lost == 0) continue;
    const double rate = static_cast<double>(column.lost) / (column.to - column.from);
    const double width = std::max(kNarrowest, x.At(column.to) - x.At(column.from));
    svg.Rect({x.At(column.from), y.At(rate), width, y.start - y.At(rate)}, "lost",
             std::to_string(column.lost) + " lost");
    all += column.lost;
    left = std::min(left, x.At(column.from));
    highest = std::min(highest, y.At(rate));
  }
  // One label for all: they lie side by side, just before the fault.
  if (all > 0)
    svg.Text(left - 6, highest + 4, Anchor::kEnd, "lost-text", std::to_string(all) + " lost");
}

// --- Steps
// -------------------------------------------------------------------------------------------------

constexpr double kRowHeight = 22, kLabelWidth = 240, kTimelineTop = 30;

void DrawRow(Svg& svg, const TimelineRow& row, base::WallTime zero, const Axis& x, double y) {
  const double began = SecondsFrom(zero, row.began), ended = SecondsFrom(zero, row.ended);
  const std::string took = base::HumanDuration(row.ended - row.began);
  const std::string phase(model::Name(row.phase));
  svg.Text(kLabelWidth - 8, y + 15, Anchor::kEnd, row.state == "done" ? "step" : "step bad",
           row.step.str());
  if (row.attempts == 0) {
    svg.Text(x.At(began) + 4, y + 15, Anchor::kStart, "label", row.state);
    return;
  }
  const double width = std::max(2.0, x.At(ended) - x.At(began));
  svg.Rect({x.At(began), y + 4, width, kRowHeight - 8},
           row.state == "done" ? "phase-" + phase : "phase-" + phase + " not-done",
           row.title + ": " + phase + ", " + took + ", " + row.state +
               (row.detail.empty() ? "" : ": " + row.detail));
  const std::string note = row.state == "done" ? took : took + ", " + row.state;
  const bool fits_behind = x.At(began) + width + 110 < kWidth;
  svg.Text(fits_behind ? x.At(began) + width + 5 : x.At(began) - 5, y + 15,
           fits_behind ? Anchor::kStart : Anchor::kEnd, "label", note);
}

// What came before the first step, drawn like one.
TimelineRow Detection(const ExecutionSummary& execution, base::WallTime fault) {
  TimelineRow row;
  row.step = model::StepId("detection");
  row.title = "probes fail until a quorum agrees";
  row.phase = model::Phase::kDetect;
  row.began = fault;
  row.ended = execution.began;
  row.attempts = 1;
  row.state = "done";
  return row;
}

}  // namespace

std::string RtoBar(const RtoSplit& rto) {
  const std::pair<const char*, base::Duration> parts[] = {
      {"detect", rto.detect},          {"decide", rto.decide}, {"fence", rto.fence},
      {"promote", rto.promote},        {"scale", rto.scale},   {"traffic", rto.traffic},
      {"client tail", rto.client_tail}};
  constexpr double kHeight = 64, kBar = 34;
  Svg svg(kWidth, kHeight, "time without service by phase");
  const Axis x{0, std::max(1e-9, base::Seconds(rto.total)), 0, kWidth};
  double at = 0;
  for (const auto& [name, part] : parts) {
    const double seconds = base::Seconds(part);
    const double width = x.At(at + seconds) - x.At(at);
    const std::string text = std::string(name) + " " + base::HumanDuration(part);
    svg.Rect({x.At(at), 0, width, kBar}, PhaseClass(name), text);
    constexpr double kWidthOfLetter = 7.2;
    if (width > static_cast<double>(text.size()) * kWidthOfLetter) {
      svg.Text(x.At(at) + width / 2, kBar / 2 + 4, Anchor::kMiddle, "on-bar", text);
    }
    at += seconds;
  }
  for (double tick : Ticks(0, x.high, 10)) {
    svg.Line(x.At(tick), kBar, x.At(tick), kBar + 6, "axis");
    const Anchor anchor = tick == 0                  ? Anchor::kStart
                          : x.At(tick) > kWidth - 20 ? Anchor::kEnd
                                                     : Anchor::kMiddle;
    svg.Text(x.At(tick), kBar + 22, anchor, "tick", TickText(tick) + " s");
  }
  return svg.Take();
}

Span WholeLoad(const Report& report) {
  const auto buckets = static_cast<std::int64_t>(report.load.buckets.size());
  return {report.load.start, report.load.start + report.load.bucket * buckets};
}

Span AroundOutage(const Report& report) {
  const base::Duration total = report.rto ? report.rto->total : std::chrono::seconds(5);
  const base::Duration margin = std::max<base::Duration>(std::chrono::seconds(1), total / 2);
  const Span whole = WholeLoad(report);
  return {std::max(whole.from, Zero(report) - margin),
          std::min(whole.to, Zero(report) + total + margin)};
}

std::string WritesChart(const Report& report, const Span& span) {
  constexpr double kHeight = 230, kTop = 34, kBottom = 200, kLeft = 52;
  Svg svg(kWidth, kHeight, "writes per second");
  const base::WallTime zero = Zero(report);
  const Axis x{SecondsFrom(zero, span.from), SecondsFrom(zero, span.to), kLeft, kWidth - 12};
  const std::vector<Column> columns = ColumnsOf(report, span);
  double most = 1;
  for (const Column& column : columns) most = std::max(most, column.ended);
  const Axis y{0, most * 1.08, kBottom, kTop};
  DrawTimeAxis(svg, x, kTop, kBottom, " s");
  for (double tick : Ticks(0, y.high, 4)) {
    svg.Line(kLeft, y.At(tick), kWidth - 12, y.At(tick), "grid");
    svg.Text(kLeft - 6, y.At(tick) + 4, Anchor::kEnd, "tick", TickText(tick));
  }
  svg.Text(kLeft, 14, Anchor::kStart, "tick", "writes/s");
  // Failed ones stand on top of the acknowledged ones.
  svg.Path(StepPath(columns, &Column::ended, x, y), "failed");
  svg.Path(StepPath(columns, &Column::acknowledged, x, y), "acknowledged");
  DrawOutage(svg, report, x, kTop, kBottom);
  DrawLost(svg, columns, x, y);
  svg.Line(kLeft, kBottom, kWidth - 12, kBottom, "axis");
  return svg.Take();
}

std::string TimelineChart(const Report& report, const ExecutionSummary& execution) {
  // The failover is measured from the fault; every other execution from its own beginning.
  const bool from_fault = report.fault && FailoverOf(report) == &execution;
  const base::WallTime zero = from_fault ? *report.fault : execution.began;
  std::vector<TimelineRow> rows;
  if (from_fault) rows.push_back(Detection(execution, zero));
  for (const TimelineRow& row : report.timeline) {
    if (row.execution == execution.execution) rows.push_back(row);
  }
  constexpr double kRoomForNotes = 1.1;
  const double end = kRoomForNotes * std::max(0.001, SecondsFrom(zero, execution.ended));
  const double bottom = kTimelineTop + kRowHeight * static_cast<double>(rows.size());
  const Axis x{0, end, kLabelWidth, kWidth - 12};
  Svg svg(kWidth, bottom + 26, std::string(model::Name(execution.action)) + ": steps over time");
  DrawTimeAxis(svg, x, kTimelineTop, bottom, " s");
  if (from_fault) DrawOutage(svg, report, x, kTimelineTop, bottom);
  double y = kTimelineTop;
  for (const TimelineRow& row : rows) {
    DrawRow(svg, row, zero, x, y);
    y += kRowHeight;
  }
  svg.Line(kLabelWidth, bottom, kWidth - 12, bottom, "axis");
  return svg.Take();
}

}  // namespace leeward::report
