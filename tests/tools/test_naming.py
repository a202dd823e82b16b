"""Names of tools and servers become Python names, each its own."""

import keyword

import pytest

from pymode.tools.naming import make_name, name_all


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("create_issue", "create_issue"),
        ("create-issue", "create_issue"),
        ("createIssue", "createIssue"),
        ("Create Issue", "Create_Issue"),
        ("files/read.text", "files_read_text"),
        ("3d", "n3d"),
        ("class", "class_"),
        ("été", "ete"),
        ("漢字", "tool"),
        ("", "tool"),
        ("__import__", "import_"),
    ],
)
def test_a_title_becomes_a_python_name(title: str, name: str) -> None:
    assert make_name(title) == name
    assert name.isidentifier()
    assert not keyword.iskeyword(name)


def test_titles_that_come_to_one_name_are_numbered() -> None:
    assert name_all(["a-b", "a_b", "a b", "a.b"]) == {
        "a-b": "a_b_2",
        "a_b": "a_b",
        "a b": "a_b_3",
        "a.b": "a_b_4",
    }


def test_names_that_are_taken_stay_with_their_owners() -> None:
    assert name_all(["github", "files"], taken=["github"]) == {
        "github": "github_2",
        "files": "files",
    }


def test_a_long_title_is_cut_and_stays_different() -> None:
    names = name_all(["x" * 300 + "a", "x" * 300 + "b"])
    assert len(set(names.values())) == 2
    assert all(len(name) <= 70 for name in names.values())
