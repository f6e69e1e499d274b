"""Bytes of the system, links, odd files: a message with the place or the right result, never a traceback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.core.characters import legible, require_unicode
from reconciler.core.problems import ManifestError
from reconciler.documents.files import find_files
from reconciler.yamltext.edit import Edit, rewritten
from reconciler.yamltext.files import MAX_BYTES, read_file, save, unified_diff
from reconciler.yamltext.layout import formatted
from reconciler.yamltext.reader import read
from reconciler.yamltext.text import Text
from tests.conftest import Cli

DATASET = """\
apiVersion: reconciler/v1
kind: Schema
metadata: {{name: {name}}}
spec:
  title: {name}
  type: object
  allOf: [{{$ref: https://ns.adobe.com/xdm/context/profile}}]
"""


def manifest(name: str) -> str:
    return DATASET.format(name=name)


# -- text that is not Unicode -------------------------------------------------------------------------------------
def bad_name(cli: Cli) -> tuple[str, ...]:
    (cli.folder / os.fsdecode(b"x\xff.yaml")).write_text(manifest("a"))
    return ("plan", "--emulator")


def bad_folder(cli: Cli) -> tuple[str, ...]:
    folder = cli.folder / os.fsdecode(b"x\xff")
    folder.mkdir()
    (folder / "a.yaml").write_text(manifest("a"))
    return ("plan", "--emulator")


def bad_content(cli: Cli) -> tuple[str, ...]:
    (cli.folder / "a.yaml").write_bytes(manifest("a").encode() + b"# \xff\n")
    return ("validate",)


def long_environment(cli: Cli) -> tuple[str, ...]:
    cli.write("a.yaml", manifest("a"))
    return "plan", "--emulator", "--env", "e" * 300


def bad_project_file(cli: Cli) -> tuple[str, ...]:
    (cli.folder / "reconciler.yaml").write_bytes(b"\xff")
    return ("plan", "--emulator")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (bad_name, r"x\xff.yaml: the name is not valid UTF-8"),
        (bad_folder, r"x\xff: the name is not valid UTF-8"),
        (bad_content, "a.yaml cannot be read: byte 154, in line 8, is not valid UTF-8"),
        (bad_project_file, "reconciler.yaml cannot be read: byte 1, in line 1, is not valid UTF-8"),
        (lambda _: ("plan", os.fsdecode(b"x\xff")), r"argument 2 is not valid UTF-8: x\xff"),
        (lambda _: ("plan", "--var", os.fsdecode(b"a=\xff")), "argument 3 is not valid UTF-8"),
        (long_environment, "File name too long"),
    ],
    ids=["file-name", "folder-name", "content", "project-file", "path", "variable", "long-environment"],
)
def test_text_that_is_not_unicode_is_refused_with_its_place(
    cli: Cli, prepare: Callable[[Cli], tuple[str, ...]], says: str
) -> None:
    result = cli(*prepare(cli))
    assert result.code == 1
    assert says in result.err + result.out
    assert "internal error" not in result.err
    assert not list(cli.folder.glob("state/*.json*"))


@pytest.mark.parametrize("name", ["RECONCILER_VAR_X", "RECONCILER_SECRET_KEY", "AEP_ACCESS_TOKEN", "AEP_SANDBOX"])
def test_a_variable_of_the_environment_is_refused_by_name(cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    cli.write("a.yaml", manifest("a"))
    monkeypatch.setitem(os.environ, name, os.fsdecode(b"canary\xff"))
    result = cli("plan", "--emulator")
    assert result.code == 1
    assert f"the environment variable {name} is not valid UTF-8" in result.err
    assert "canary" not in result.err


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=25
)
@given(name=st.binary(min_size=1, max_size=6), content=st.binary(max_size=40), value=st.binary(max_size=6))
def test_any_bytes_end_in_a_message_or_a_result(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: bytes, content: bytes, value: bytes
) -> None:
    file = cli.folder / (os.fsdecode(name.translate(None, b"/\0")) + ".yaml")
    file.write_bytes(b"apiVersion: reconciler/v1\nkind: Schema\n" + content)
    monkeypatch.setitem(os.environ, "RECONCILER_VAR_X", os.fsdecode(value.translate(None, b"\0")))
    try:
        result = cli("validate")
    finally:
        file.unlink()
    assert result.code in (0, 1)
    assert "internal error" not in result.err
    (result.out + result.err).encode()


def test_invalid_text_is_shown_legibly() -> None:
    assert legible(os.fsdecode(b"a\xff\xc3\xa9")) == r"a\xffé"
    assert legible("\ud800") == r"\ud800"
    with pytest.raises(ManifestError, match=r"^error: it is not valid UTF-8 "):
        require_unicode("\udcff", "it", secret=True)


# -- surrogate pairs ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'a: "x\ud83d\ude00y"', "x😀y"),
        (r'a: "\uD83D\uDE00"', "😀"),
        (r"a: '\ud83d\ude00'", r"\ud83d\ude00"),
        (r"a: \ud83d\ude00 # \ud83d", r"\ud83d\ude00"),
        (r'a: "\\ud83d"', r"\ud83d"),
        ("a: |\n  \\ud83d", r"\ud83d"),
        (r'{"a": "\ud83d\ude00\ud83d\ude01"}', "😀😁"),
        ('a: "\\ue000\\ud83d\\ude00"', "\ue000😀"),
    ],
)
def test_json_pairs_are_read(text: str, value: str) -> None:
    assert read(Text("f", text)) == [{"a": value}]


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=8), max_size=4))
def test_what_json_writes_is_read(data: dict[str, str]) -> None:
    assert read(Text("f", json.dumps(data))) == [data]


@pytest.mark.parametrize(
    ("text", "place"),
    [(r'a: "x\ud83d"', "1:6"), (r'a: "\ude00\ud83d"', "1:5"), ('b: "😀"\na: "\\ud83d\\ude00\\ud83d"', "2:17")],
)
def test_half_a_pair_is_refused_at_its_place(text: str, place: str) -> None:
    with pytest.raises(ManifestError, match=f"f:{place}: error: .*half of a surrogate pair"):
        read(Text("f", text))


def test_places_stay_where_they_are() -> None:
    text = Text("f", 'a: "\\ud83d\\ude00"\nb: {c: "\\ud83d\\ude00", d: 1}\n')
    assert str(text.span(0, ("b", "d"))) == "f:2:27"
    assert rewritten(text, [Edit(0, ("b", "d"), 2)]) == text.content.replace("d: 1", "d: 2")


# -- line ends ----------------------------------------------------------------------------------------------------
BREAKS = st.sampled_from(["\n", "\r\n"])
EDITS = [
    Edit(0, ("a",), "new"), Edit(0, ("b", "c"), None), Edit(0, ("b", "new"), 1), Edit(0, ("l", "-"), "z"),
    Edit(0, ("l", "0"), "x"), Edit(0, ("text",), "one"), Edit(0, ("x", "y"), 2),
]  # fmt: skip
LINES = [
    "# head",
    "a: 1  # why",
    "b:",
    "  c: 1",
    "  d: 2",
    "l:",
    "  - p",
    "  - q",
    "text: |",
    "  two",
    "  lines",
    "e: f",
]


@given(BREAKS, st.sampled_from(EDITS), st.booleans())
def test_edits_keep_line_ends(line_end: str, edit: Edit, ends: bool) -> None:
    content = line_end.join(LINES) + line_end * ends
    result = rewritten(Text("f", content), [edit])
    plain = rewritten(Text("f", content.replace("\r\n", "\n")), [edit])
    assert result == plain.replace("\n", line_end)


def test_fmt_keeps_the_line_ends_of_most_lines() -> None:
    ugly = manifest("a").replace("spec:\n", "spec:\n\n").replace("title: ", "title:   ")
    plain = formatted(Text("f", ugly))
    windows = formatted(Text("f", ugly.replace("\n", "\r\n")))
    assert windows == plain.replace("\n", "\r\n")
    assert formatted(Text("f", windows)) == windows


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_a_diff_applies(tmp_path: Path, line_end: str, last: bool) -> None:
    before = line_end.join(LINES) + line_end * last
    after = rewritten(Text("f", before), [Edit(0, ("e",), "g"), Edit(0, ("b", "c"), 5)])
    (tmp_path / "m.yaml").write_bytes(before.encode())
    diff = unified_diff(before, after, "m.yaml").encode()
    done = subprocess.run(["git", "apply"], cwd=tmp_path, input=diff, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m.yaml").read_bytes() == after.encode()


# -- files of other sorts -----------------------------------------------------------------------------------------
def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (fifo, "x.yaml cannot be read: it is a named pipe"),
        (unix_socket, "x.yaml cannot be read: it is a socket"),
        (device, "x.yaml is a link to a file outside the project"),
        (large, "x.yaml cannot be read: it is larger than 64 MiB"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_only_files_are_read(cli: Cli, make: Callable[[Path], None], says: str, named: bool) -> None:
    make(cli.folder / "x.yaml")
    result = cli("validate", *(["x.yaml"] if named else []))
    assert result.code == 1
    assert says in result.out + result.err or (named and make is device and "it is a device" in result.out + result.err)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot be written: No such file"):
        save(tmp_path / "none" / "x", "text")
    with pytest.raises(ManifestError, match="its content is not valid Unicode"):
        save(tmp_path / "x", "\ud800")
    save(tmp_path / "plan", "1", private=True)
    assert (tmp_path / "plan").stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "plan")
    save(tmp_path / "link", "2")
    assert (tmp_path / "link").is_symlink()
    assert read_file(tmp_path / "plan", "plan") == "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "plan"]


def test_a_full_disk_is_one_message(cli: Cli) -> None:
    cli.write("a.yaml", manifest("a"))
    result = cli("plan", "--emulator", "--out", "/dev/full")
    assert result.code == 1
    assert "error: /dev/full cannot be written: No space left on device" in result.err
    assert "internal error" not in result.err


# -- links and projects -------------------------------------------------------------------------------------------
def found(root: Path) -> list[str]:
    seen = find_files(root, lambda path: path.relative_to(root).as_posix())
    return [path.relative_to(root).as_posix() for path in seen.files] + [str(problem) for problem in seen.problems]


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a: 1")


def test_linked_folders_are_followed_and_files_are_read_once(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(root / "b" / "x.yaml")
    touch(root / "_shared" / "deep" / "y.yaml")
    touch(root / "z.yaml")
    (root / "a").symlink_to("b")
    (root / "common").symlink_to("_shared")
    (root / "also").symlink_to("_shared/deep")
    (root / "b" / "loop").symlink_to("..")
    (root / "c.yaml").symlink_to("z.yaml")
    (root / "self").symlink_to("self")
    (root / "notes.txt").symlink_to("nowhere")
    assert found(root) == [
        "z.yaml", "also/y.yaml", "b/x.yaml",
        "error: self is a link in a loop (restore its target, or remove the link)",
    ]  # fmt: skip


def test_links_out_of_the_project_and_into_nothing_are_errors(tmp_path: Path) -> None:
    root = tmp_path / "root"
    touch(tmp_path / "outside" / "x.yaml")
    (tmp_path / "tools").mkdir()
    root.mkdir()
    (root / "team").symlink_to("../outside")
    (root / "x.yaml").symlink_to("../outside/x.yaml")
    (root / "tools").symlink_to("../tools")
    (root / "gone").symlink_to("/mnt/not/there")
    text = "\n".join(found(root))
    assert "team is a link to a folder outside the project" in text
    assert "x.yaml is a link to a file outside the project" in text
    assert "gone is a link that leads nowhere" in text
    assert "tools" not in text, "no manifest is below it"


def test_a_linked_folder_never_reads_as_deleted_manifests(cli: Cli) -> None:
    cli.write("_store/a.yaml", manifest("a"))
    (cli.folder / "team").symlink_to("_store")
    cli.ok("apply", "--emulator", "-y")
    assert cli.changes("--emulator") == {}
    (cli.folder / "_store").rename(cli.folder.parent / "elsewhere")
    result = cli("plan", "--emulator")
    assert result.code == 1
    assert "team is a link that leads nowhere" in result.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0)
    assert "the folder a cannot be read" in "".join(found(tmp_path))


def test_a_project_inside_a_project_is_a_project_of_its_own(cli: Cli) -> None:
    cli.write("reconciler.yaml", "{apiVersion: reconciler/v1, kind: Project, metadata: {name: outer}, spec: {}}")
    cli.write("a.yaml", manifest("a"))
    cli.write("team/b.yaml", manifest("b"))
    cli.ok("apply", "--emulator", "-y")
    cli.write("team/reconciler.yaml", "{apiVersion: reconciler/v1, kind: Project, metadata: {name: inner}, spec: {}}")
    result = cli("plan", "--emulator")
    assert result.code == 1, "what it managed there must not read as deleted"
    assert "team is a project of its own now, and the state holds 1 entry from it: b" in result.err
    cli.ok("state", "rm", "b")
    assert cli.changes("--emulator") == {}
    assert "team is a project of its own: its manifests are not part of this one" in cli.ok("validate").out
    assert cli.ok("plan", "team", "--emulator", "--format", "json").json()["summary"]["create"] == 1


def test_a_state_above_is_not_shadowed(cli: Cli) -> None:
    cli.write("a.yaml", manifest("a"))
    cli.write("team/b.yaml", manifest("b"))
    cli.ok("apply", "--emulator", "-y")
    result = cli("plan", "team", "--emulator")
    assert result.code == 1
    assert f"{cli.folder / 'team'} has no project file, but {cli.folder / 'state'} holds a state" in result.err
