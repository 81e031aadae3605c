// Emit: what people and programs are told on a standard stream. Nobody may read it any more, or the
// disk behind it may be full: that ends no move and no guard, and an answer's end says so.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string_view>
#include <utility>

namespace leeward::cli {

// What cannot be written is left out; never throws, from any thread.
void Write(std::FILE* to, std::string_view text);

template <typename... Values>
void Emit(std::FILE* to, fmt::format_string<Values...> format, Values&&... values) {
  Write(to, fmt::format(format, std::forward<Values>(values)...));
}
template <typename... Values>
void Emit(fmt::format_string<Values...> format, Values&&... values) {
  Write(stdout, fmt::format(format, std::forward<Values>(values)...));
}

// Whether standard output has taken all that was emitted so far.
bool AllTaken();

}  // namespace leeward::cli
