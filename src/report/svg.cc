#include "report/svg.h"

#include <fmt/format.h>

namespace leeward::report {
namespace {

std::string_view Name(Anchor anchor) {
  return anchor == Anchor::kStart ? "start" : anchor == Anchor::kMiddle ? "middle" : "end";
}

}  // namespace

std::string Escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Control characters are not allowed in HTML at all.
        out += static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return out;
}

Svg::Svg(double width, double height, std::string_view label)
    : out_(fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\">\n",
                       width, height, Escape(label))) {}

void Svg::Rect(const Box& box, std::string_view css_class, std::string_view hint) {
  out_ +=
      fmt::format("<rect x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" class=\"{}\"",
                  box.x, box.y, box.width, box.height, css_class);
  out_ += hint.empty() ? "/>\n" : "><title>" + Escape(hint) + "</title></rect>\n";
}

void Svg::Line(double x1, double y1, double x2, double y2, std::string_view css_class) {
  out_ +=
      fmt::format("<line x1=\"{:.2f}\" y1=\"{:.2f}\" x2=\"{:.2f}\" y2=\"{:.2f}\" class=\"{}\"/>\n",
                  x1, y1, x2, y2, css_class);
}

void Svg::Text(double x, double y, Anchor anchor, std::string_view css_class,
               std::string_view text) {
  out_ += fmt::format("<text x=\"{:.2f}\" y=\"{:.2f}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n",
                      x, y, Name(anchor), css_class, Escape(text));
}

void Svg::Path(std::string_view data, std::string_view css_class) {
  out_ += fmt::format("<path d=\"{}\" class=\"{}\"/>\n", data, css_class);
}

std::string Svg::Take() { return std::move(out_) + "</svg>\n"; }

}  // namespace leeward::report
