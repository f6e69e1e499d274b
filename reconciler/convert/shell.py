"""The words of curl commands in a text: quotes, continuations, heredocs, variables. Nothing is executed.

The standard library's shlex splits sound shell text; it stops at a missing quote, and knows neither lines, `$'…'`,
heredocs nor the continuations of Windows. Published commands have all of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.convert.calls import START, hole
from reconciler.convert.loose_json import balanced_end

FILE = f"{START}file:"
"""Begins the placeholder for the content of a file: `$(cat body.json)`."""
CURL = re.compile(
    r"(?<![\w-])curl(?:\.exe)?(?=[ \t]+(?:-|\^?['\"‘“]|https?:|\$|\{\{|\\|\^|`)|[ \t]*\\?\n[ \t]*(?:-|['\"]?https?:))"
)
_CONTINUED = re.compile(r"[ \t]*[\\^`][ \t]*\n")
_OPTION_NEXT = re.compile(r"\n[ \t]*(?:-{1,2}[A-Za-z]|['\"]?https?://)")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?[-=?+][^}]*)?\}|([A-Za-z_]\w*))")
_WINDOWS_VARIABLE = re.compile(r"%([A-Za-z_]\w*)%")
_HEREDOC = re.compile(r"<<(-?)[ \t]*(['\"]?)([A-Za-z_]\w*)\2")
_CAT_HEREDOC = re.compile(r"\$\(\s*cat[ \t]*<<(-?)[ \t]*(['\"]?)([A-Za-z_]\w*)\2[^\n]*\n")
_CAT_FILE = re.compile(r"\$\(\s*(?:cat\s+|<\s*)['\"]?([^\s'\")]+)['\"]?\s*\)")
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_CURLY = {"‘": "’'", "’": "’'", "“": '”"', "”": '”"'}


@dataclass(slots=True)
class Command:
    """A curl command: its words after `curl`, where it is, and its standard input where a heredoc gives one."""

    words: list[str]
    start: int
    end: int
    line: int
    stdin: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Budget:
    """Letters that may still be looked at for closing brackets: without end, broken input would cost its square."""

    left: int

    def end_of_brackets(self, text: str, start: int) -> int | None:
        """Return what `balanced_end` does, None once too much was looked at in vain."""
        if self.left <= 0:
            return None
        end = balanced_end(text, start)
        self.left -= (end or len(text)) - start
        return end


def commands(text: str) -> Iterator[Command]:
    """Yield the curl commands of a text in order; commented-out ones are left out."""
    at, line, counted = 0, 1, 0
    budget = _Budget(6 * len(text) + 100_000)
    while found := CURL.search(text, at):
        line += text.count("\n", counted, found.start())
        counted = found.start()
        begin = text.rfind("\n", 0, found.start()) + 1
        if text[begin : found.start()].lstrip().startswith(("#!", "# ", "#\t", "//", "REM ", "rem ", "::")):
            at = _line_end(text, found.end())
            continue
        command = _read(text, found.start(), found.end(), begin, budget)
        command.line = line
        yield command
        at = max(command.end, found.end())


def _read(text: str, start: int, after: int, line_start: int, budget: _Budget) -> Command:
    windows = _windows(text, after)
    if windows is not None:
        source, end = windows
        scanner = _Scanner(source, 0, budget, cmd=True)
        words = scanner.words()
        return Command(words, start, end, 0, None, scanner.notes)
    scanner = _Scanner(text, after, budget, inside=text[line_start:start].rstrip().endswith(("$(", "`")))
    words = scanner.words()
    stdin, end = _heredoc(text, line_start, scanner.at)
    return Command(words, start, end, 0, stdin, scanner.notes)


def _windows(text: str, after: int) -> tuple[str, int] | None:
    """Return a command for the Windows shell with its carets resolved, and its end; None for any other."""
    end = after
    while True:
        end = _line_end(text, end)
        if not text[after:end].rstrip().endswith("^"):
            break
        end += 1
        if end >= len(text):
            break
    raw = text[after : min(end, len(text))]
    joined = re.sub(r"\^[ \t]*\n[ \t]*", " ", raw)
    if '^"' not in raw:
        return (joined, min(end, len(text))) if joined != raw and not re.search(r"\s'", raw) else None
    return re.sub(r"\^(.)", r"\1", joined, flags=re.DOTALL), min(end, len(text))


def _heredoc(text: str, line_start: int, end: int) -> tuple[str | None, int]:
    """Return the text of a heredoc on the lines of a command, and where the command ends with it."""
    line_end = _line_end(text, end)
    found = None
    for match in _HEREDOC.finditer(text, line_start, line_end):
        if text[match.start() - 1 : match.start()] != "<":
            found = match
    if found is None or "$(" in text[line_start : found.start()].rpartition("curl")[2]:
        return None, end
    # a heredoc before the command (`cat <<EOF | curl …`) begins behind the line as well
    body, stop = _heredoc_body(text, _line_end(text, max(end, found.end())) + 1, found[3])
    return (body if found[2] else _expanded(body)), stop


def _heredoc_body(text: str, begin: int, word: str) -> tuple[str, int]:
    closing = re.compile(rf"^[ \t]*{re.escape(word)}[ \t]*$", re.MULTILINE).search(text, begin)
    if closing is None:
        return text[begin:], len(text)
    return text[begin : closing.start()], closing.end()


def _expanded(text: str) -> str:
    """Return the text of an unquoted heredoc: variables become placeholders, `\\$` is a dollar sign."""
    kept = text.replace("\\$", "\ufffe")
    return _VARIABLE.sub(lambda found: hole(found[1] or found[2]), kept).replace("\ufffe", "$")


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int
    budget: _Budget
    inside: bool = False
    """Whether the command is inside `$(…)` or backquotes, which end it."""
    cmd: bool = False
    notes: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        if what not in self.notes:
            self.notes.append(what)

    def words(self) -> list[str]:
        found: list[str] = []
        while self.another():
            if self.redirection():
                continue
            word = self.word()
            if word is None:
                break
            found.append(word)
        return found

    def another(self) -> bool:
        """Skip blanks and continuations; tell whether another word of the command follows."""
        while self.at < len(self.text):
            continued = _CONTINUED.match(self.text, self.at)
            if continued:
                self.at = continued.end()
                continue
            sign = self.text[self.at]
            if sign in " \t":
                self.at += 1
            elif sign == "\n":
                if not _OPTION_NEXT.match(self.text, self.at):
                    return False
                self.note("the sign that continues a line is missing")
                self.at += 1
            elif sign == "#":
                self.at = _line_end(self.text, self.at)
            else:
                return sign not in ";|&" and not (self.inside and sign in ")`")
        return False

    def redirection(self) -> bool:
        """Skip a redirection with its target."""
        found = re.compile(r"\d?(?:>>?|<<?<?-?)(?:&\d)?[ \t]*").match(self.text, self.at)
        if not found or (found[0][:1].isdigit() and len(found[0]) < 2):
            return False
        if self.text[self.at] == "<" and re.match(r"<[A-Za-z_][\w -]*>", self.text[self.at : self.at + 90]):
            return False  # a placeholder
        self.at = found.end()
        if "&" not in found[0]:
            self.word()
        return True

    def word(self) -> str | None:
        """Return one word, or None where none begins."""
        begin = self.at
        parts: list[str] = []
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign in " \t\n" or (sign in ";|)`" and (self.inside or sign != ")")):
                break
            if sign == "&" and not re.match(r"&[\w{$.]", self.text[self.at : self.at + 2]):
                break  # an address without quotes goes on
            if sign in "{[" and self.at == begin:
                end = self.budget.end_of_brackets(self.text, self.at)
                if end and "\n" in self.text[self.at : end]:
                    parts.append(self.text[self.at : end])
                    self.at = end
                    continue
            if _CONTINUED.match(self.text, self.at) and sign != "`":
                break
            parts.append(self.piece(sign))
        return "".join(parts) if self.at > begin else None

    def piece(self, sign: str) -> str:
        if sign == "'" and not self.cmd:
            return self.single()
        if sign == '"':
            return self.double()
        if sign in _CURLY:
            return self.plain_quote(_CURLY[sign])
        if self.text.startswith("$'", self.at):
            return self.ansi()
        if sign == "$":
            return self.dollar()
        if sign == "\\" and not self.cmd:
            self.at += 2
            return self.text[self.at - 1 : self.at]
        if self.cmd and (found := _WINDOWS_VARIABLE.match(self.text, self.at)):
            self.at = found.end()
            return hole(found[1])
        self.at += 1
        return sign

    # -- quotes ----------------------------------------------------------------------------------------------
    def single(self) -> str:
        content, self.at = self.until("'", self.at + 1)
        return content

    def plain_quote(self, ends: str) -> str:
        """Return a text in curly quotes, which an editor made of straight ones."""
        self.note("curly quotes were read as straight ones")
        begin = self.at + 1
        ending = min((place for end in ends if (place := self.text.find(end, begin)) >= 0), default=-1)
        content, self.at = self.until(self.text[ending] if ending >= 0 else ends[0], begin)
        return content

    def until(self, quote: str, begin: int) -> tuple[str, int]:
        """Return what a quote encloses, and the place behind it.

        A body in JSON ends with its last bracket where the closing quote is missing, and an apostrophe inside it does
        not end it; any other text without a closing quote ends with its line.
        """
        close = self.text.find(quote, begin)
        opening = re.compile(r"\s*[{\[](?!\w+\}|\{)").match(self.text, begin)
        if opening is None:
            if close < 0:
                self.note("a closing quote is missing")
                close = _line_end(self.text, begin)
                return self.text[begin:close], close
            return self.text[begin:close], close + 1
        end = self.budget.end_of_brackets(self.text, opening.end() - 1)
        while 0 <= close < (end or 0) and not self.spliced(close):
            close = self.text.find(quote, close + 1)
        if end is None:
            return self.unbalanced(quote, begin, close)
        if 0 <= close < end:
            return self.text[begin:close], close + 1
        if (close >= 0 and not self.text[end:close].strip()) or (close >= 0 and self.comments(end, close)):
            return self.text[begin:close], close + 1
        self.note("a closing quote is missing")
        return self.text[begin:end], end

    def unbalanced(self, quote: str, begin: int, close: int) -> tuple[str, int]:
        """Return a body whose brackets do not close: it ends with its quote, or where the next command begins."""
        if close >= 0:
            return self.text[begin:close], close + 1
        self.note("a closing quote is missing")
        following = CURL.search(self.text, begin)
        end = following.start() if following else len(self.text)
        return self.text[begin:end], end

    def spliced(self, close: int) -> bool:
        """Tell whether the quote at `close` ends so that the shell can put something in: `'"$ID"'`, `'$ID'`."""
        behind = self.text[close + 1 : close + 3]
        return behind.startswith(("$", '"$', "\"'", "\\'"))

    def comments(self, begin: int, end: int) -> bool:
        lines = self.text[begin:end].splitlines()
        return all(not line.strip() or line.strip().startswith("//") for line in lines)

    def double(self) -> str:
        begin = self.at + 1
        if re.compile(r"\s*[{\[]\s*\"[^\"\n$]*\"\s*[:,\]]").match(self.text, begin):
            opening = re.compile(r"\s*").match(self.text, begin)
            end = self.budget.end_of_brackets(self.text, opening.end() if opening else begin)
            if end is not None:  # quotes inside that are not escaped: the shell would swallow them
                self.note("quotes inside quotes were kept")
                self.at = end + (self.text[end : end + 1] == '"')
                return self.text[begin:end]
        parts: list[str] = []
        self.at = begin
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign == '"':
                self.at += 1
                return "".join(parts)
            if sign == "\\":
                parts.append(self.escaped())
            elif sign in "$`" and not self.cmd:
                parts.append(self.dollar())
            elif self.cmd and (found := _WINDOWS_VARIABLE.match(self.text, self.at)):
                parts.append(hole(found[1]))
                self.at = found.end()
            else:
                parts.append(sign)
                self.at += 1
        self.note("a closing quote is missing")
        self.at = _line_end(self.text, begin)
        return self.text[begin : self.at]

    def escaped(self) -> str:
        behind = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if behind == "\n":
            return ""
        return behind if behind in '"\\$`' else f"\\{behind}"

    def ansi(self) -> str:
        r"""Return a text in `$'…'`, its escapes resolved."""
        self.at += 2
        parts: list[str] = []
        number = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|([0-7]{1,3}))")
        while self.at < len(self.text) and self.text[self.at] != "'":
            found = number.match(self.text, self.at)
            if found:
                parts.append(chr(int(found[3], 8) if found[3] else int(found[1] or found[2], 16)))
                self.at = found.end()
            elif self.text[self.at] == "\\":
                behind = self.text[self.at + 1 : self.at + 2]
                parts.append(_ANSI.get(behind, behind))
                self.at += 2
            else:
                parts.append(self.text[self.at])
                self.at += 1
        self.at += 1
        return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def dollar(self) -> str:
        """Return what a `$` begins, or the output of a command: a heredoc as its text, all else as a placeholder."""
        heredoc = _CAT_HEREDOC.match(self.text, self.at)
        if heredoc:
            body, stop = _heredoc_body(self.text, heredoc.end(), heredoc[3])
            closing = self.text.find(")", stop)
            self.at = closing + 1 if closing >= 0 else stop
            return (body if heredoc[2] else _expanded(body)).rstrip("\n")
        file = _CAT_FILE.match(self.text, self.at)
        if file:
            self.at = file.end()
            return hole(f"file:{file[1]}")
        variable = _VARIABLE.match(self.text, self.at)
        if variable:
            self.at = variable.end()
            return hole(variable[1] or variable[2])
        if self.text.startswith("$(", self.at) or self.text[self.at] == "`":
            return self.output()
        self.at += 1
        return "$"

    def output(self) -> str:
        """Return a placeholder for the output of a command, named for the command."""
        begin = self.at
        end = self.text.find("`", begin + 1) if self.text[begin] == "`" else self.closing(begin + 2)
        end = end if end >= 0 else _line_end(self.text, begin)
        inner = self.text[begin:end].strip("$(` ")
        self.at = end + 1
        return hole("_".join(re.findall(r"[A-Za-z0-9]+", inner)[:3]) or "output")

    def closing(self, begin: int) -> int:
        depth, at = 1, begin
        while at < len(self.text):
            depth += {"(": 1, ")": -1}.get(self.text[at], 0)
            if depth == 0:
                return at
            at += 1
        return -1
