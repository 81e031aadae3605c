// Small pieces of HTML and SVG. Everything that came from outside goes through Escape.
#pragma once

#include <string>
#include <string_view>

namespace leeward::report {

// For text and for attributes in double quotes.
std::string Escape(std::string_view text);

struct Box {
  double x = 0, y = 0, width = 0, height = 0;
};
enum class Anchor { kStart, kMiddle, kEnd };

// One drawing; coordinates are in its own units, the page scales it.
class Svg {
 public:
  Svg(double width, double height, std::string_view label);

  // `hint` appears under the pointer; empty: none.
  void Rect(const Box& box, std::string_view css_class, std::string_view hint = "");
  void Line(double x1, double y1, double x2, double y2, std::string_view css_class);
  void Text(double x, double y, Anchor anchor, std::string_view css_class, std::string_view text);
  // An outline given as SVG path data.
  void Path(std::string_view data, std::string_view css_class);
  std::string Take();

 private:
  std::string out_;
};

}  // namespace leeward::report
