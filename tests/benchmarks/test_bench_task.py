"""Task files: what the format takes, and that each file in the folder follows it."""

import pytest
import yaml

from benchmarks.task import FOLDER, SOLUTIONS, Request, TaskError, load_task, load_tasks

ANSWER = {"answer": "a[-1][0]"}
TASK = {
    "title": "Name of a zone",
    "kind": "find and read",
    "goal": "What is the first zone?",
    "answer": "example.com",
    "solutions": {
        "classic": [{"request": "GET /zones", "query": {"per_page": 5}}, ANSWER],
        "tool-search": {"search": ["list zones"]},
        "cli": [{"bash": "api zones"}, ANSWER],
        "fastmcp-code-mode": [{"execute": "return 1"}, ANSWER],
        "pymode": [{"calls": [{"search": "1"}, {"search": "2"}]}, ANSWER],
    },
}


def load(folder, **changes):
    path = folder / "01-a.yaml"
    path.write_text(yaml.safe_dump({**TASK, **changes}))
    return load_task(path)


def solutions(**changes):
    return {"solutions": {**TASK["solutions"], **changes}}


def test_every_task_file_loads_with_a_title_of_its_own_and_all_solutions():
    """Loading refuses an answer that is written down, too."""
    tasks = load_tasks()
    assert len(tasks) == len(list(FOLDER.glob("*.yaml")))
    assert len({task.title for task in tasks}) == len(tasks)
    assert all(task.solutions.keys() == SOLUTIONS.keys() for task in tasks)


def test_every_task_has_a_number_of_its_own():
    numbers = [task.id.partition("-")[0] for task in load_tasks()]
    assert len(set(numbers)) == len(numbers)


def test_raw_and_tool_search_take_the_classic_turns_where_they_have_none(tmp_path):
    task = load(tmp_path)
    request = Request("GET /zones", {}, {"per_page": 5}, None)
    assert task.solutions["raw"].turns == ((request,),)
    assert task.solutions["tool-search"].turns == ((request,),)
    assert task.solutions["tool-search"].search == ("list zones",)
    assert task.solutions["classic-mcp"].search == ()


def test_raw_and_tool_search_may_differ(tmp_path):
    own = {"search": ["x"], "turns": [{"answer": "a[0][0]"}]}
    task = load(tmp_path, **solutions(raw=[{"answer": "document['info']"}], **{"tool-search": own}))
    assert task.solutions["raw"].answer == "document['info']"
    assert task.solutions["tool-search"].turns == ()


def test_calls_of_one_turn_stay_together(tmp_path):
    assert [len(turn) for turn in load(tmp_path).solutions["pymode"].turns] == [2]


@pytest.mark.parametrize("expression", ["'example.com'", "a and 'example.com'", "[1, 2]"])
def test_an_answer_that_is_not_read_is_refused(tmp_path, expression):
    with pytest.raises(TaskError, match="the answer"):
        load(tmp_path, **solutions(cli=[{"answer": expression}]))


def test_an_answer_may_say_what_the_goal_says(tmp_path):
    task = load(
        tmp_path,
        goal="Is it example.com or example.net?",
        **solutions(cli=[{"answer": "'example.com' if a[-1][0] else 'example.net'"}]),
    )
    assert task.solutions["cli"].turns == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "guess"},
        {"surprise": 1},
        {"state": {"latency_ms": 50}},
        {"solutions": {"classic": [ANSWER]}},
        solutions(cli=[]),
        solutions(cli=[{"bash": "api"}]),
        solutions(cli=[ANSWER, ANSWER]),
        solutions(cli=[{"bash": "api", "execute": "1"}, ANSWER]),
        solutions(cli=[{"calls": []}, ANSWER]),
        solutions(cli=[{"answer": "a["}]),
        solutions(classic=[{"request": "GET /zones", "params": {}}, ANSWER]),
        solutions(classic=[{"request": "zones"}, ANSWER]),
        solutions(classic=[{"each": "a[", "request": "GET /zones"}, ANSWER]),
    ],
)
def test_a_file_that_does_not_follow_the_format_is_refused_by_name(tmp_path, changes):
    with pytest.raises(TaskError, match=r"01-a\.yaml"):
        load(tmp_path, **changes)
