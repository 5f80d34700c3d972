"""Hostile files end in a message with a place, quickly, and never in memory or a stack."""

from __future__ import annotations

import pytest

from reconciler.kinds.foreign.read import flag, number, read_document, truthy
from reconciler.model.problems import SourceError


def refused(data: bytes, path: str = "f.yaml") -> SourceError:
    with pytest.raises(SourceError) as caught:
        read_document(path, data)
    return caught.value


BOMB = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 10)) for c in range(98, 110)
)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (BOMB, "more than 10,000 values"),
        (b"[" * 50_000, "more than 32 deep"),
        (b"a: &a [*a]\n", "*a stands for nothing before it"),
        (b"a: !!python/object/apply:os.system [true]\n", "a tag"),
        (b"a: 1\n---\nb: 2\n", "a second document"),
        (b"- a\n", "not a mapping"),
        (b"", "not a mapping"),
        (b"? [a]\n: b\n", "a key that is a collection"),
        (b"a: 'x\n", "the file is not YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"a: " + b"x" * (1 << 20), "the file holds"),
        (b"x: y\nname: <%= `id` %>\n", "f.yaml:2: the file is an ERB template"),
        (b"a: &m {b: 1}\n<<: [*m, c]\n", "<< does not stand before a mapping"),
        (b"a: \x07\n", "the file is not YAML"),
    ],
)
def test_refused(data: bytes, part: str) -> None:
    error = refused(data)
    assert part in error.what
    assert error.fix


def test_merges_of_merges_are_counted() -> None:
    keys = b",".join(b"k%d: v" % n for n in range(400))
    text = b"a: &a {" + keys + b"}\n" + b"b:\n" + b"- {<<: *a}\n" * 40
    assert "more than 10,000 values" in refused(text).what


def test_lines_and_aliases() -> None:
    document = read_document("f.yaml", b"a: &x\n  b: 1\nc: *x\nd:\n- e\n- f\na: 2\n")
    root = document.root
    assert root["c"] == {"b": "1"}
    assert (root.at("c"), root.at("nothing"), document.twice) == (3, 1, [(7, "a")])


def test_merge_keys_give_way_to_own_keys() -> None:
    root = read_document("f.yaml", b"x: &x {a: 1, b: 2}\ny:\n  a: 0\n  <<: *x\n  b: 3\n").root
    assert root["y"] == {"a": "0", "b": "3"}


def test_a_quoted_word_is_no_boolean() -> None:
    root = read_document("f.yaml", b"a: on\nb: 'on'\nc: 12\nd: '12'\ne:\n").root
    assert [flag(root["a"]), flag(root["b"])] == [True, None]
    assert [number(root["c"]), number(root["d"])] == [12, None]
    assert [truthy(root[k]) for k in "abcde"] == [True, True, True, True, False]


def test_json_with_tabs_and_pairs() -> None:
    data = b'{\n\t"a": "\\ud83d\\ude00 \\/ \\u00e4",\n\t"b": [null, true, 1]\n}'
    root = read_document("f.json", data).root
    assert root == {"a": "\U0001f600 / \u00e4", "b": [None, "true", "1"]}
