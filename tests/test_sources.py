"""What the arguments of a command mean."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources import _names, find


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_means_the_pictures_right_in_it(tmp_path):
    touch(tmp_path, "b.PNG", "a.jpg", "notes.txt", "c.pdf", "deep/d.png")
    assert [source.path.name for source in find([str(tmp_path)])] == ["a.jpg", "b.PNG", "c.pdf"]


def test_patterns_go_deep_and_each_file_comes_once(tmp_path):
    touch(tmp_path, "a.png", "deep/d.png", "deep/d.txt")
    found = find([str(tmp_path / "**" / "*"), str(tmp_path / "a.png")])
    assert [source.path.name for source in found] == ["a.png", "d.png"]


def test_a_name_with_brackets_is_a_file_where_there_is_one(tmp_path):
    touch(tmp_path, "scan[1].png")
    assert [source.name for source in find([str(tmp_path / "scan[1].png")])] == ["scan[1]"]


def test_what_matches_nothing_stays_to_be_told(tmp_path):
    assert [source.path.name for source in find([str(tmp_path / "*.png"), "gone.png"])] == ["*.png", "gone.png"]


def test_outputs_do_not_overwrite_each_other(tmp_path):
    touch(tmp_path, "x/a.png", "x/a.jpg", "y/a.png", "y/B.png", "y/b.gif")
    names = [source.name for source in find([str(tmp_path / "x"), str(tmp_path / "y")])]
    assert names == ["a-jpg", "x-a-png", "B-png", "y-a-png", "b-gif"]


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["a", "A", "b"]), st.sampled_from(["png", "jpg"]))))
def test_names_are_unique_even_where_case_does_not_count(parts):
    paths = [Path(folder) / f"{stem}.{ending}" for folder, stem, ending in parts]
    names = _names(paths)
    assert len({name.casefold() for name in names}) == len(paths)
