"""Which models stay loaded: at most so many, the longest unused goes, all go after a while, failures leave nothing."""

import threading
import time

import pytest

from diagram.errors import EngineError
from vlm.engine import Reply
from vlm.residents import Residents, Status


class Weights:
    """An engine that counts its loads instead of holding memory."""

    def __init__(self, name):
        self.name, self.state, self.why, self.loads, self.loaded = name, "absent", "", 0, 0.0

    def load(self):
        if self.name == "broken":
            self.state, self.why = "failed", "no such file"
            raise EngineError("no such file")
        self.loads += self.state == "absent"
        self.state = "ready"

    def unload(self):
        self.state = "absent"

    def generate(self, messages, **more):
        assert self.state == "ready"
        return Reply(self.name)


def states(residents):
    return {name: status.state for name, status in residents.states().items()}


def test_the_longest_unused_makes_room():
    residents = Residents(Weights, most=2)
    for name in ("a", "b", "a", "c"):
        assert residents.engine(name).generate([]).text == name
    assert states(residents) == {"a": "ready", "b": "absent", "c": "ready"}
    assert residents.engine("b").generate([]).text == "b"
    assert states(residents) == {"a": "absent", "b": "ready", "c": "ready"}
    residents.close()
    assert set(states(residents).values()) == {"absent"}


def test_what_is_not_used_goes_after_a_while_and_comes_back():
    residents = Residents(Weights, idle=0.2)
    engine = residents.engine("a")
    engine.generate([])
    deadline = time.monotonic() + 20
    while states(residents)["a"] != "absent" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert states(residents)["a"] == "absent"
    assert engine.generate([]).text == "a"
    residents.close()


def test_a_model_that_cannot_be_loaded_takes_no_place():
    residents = Residents(Weights)
    residents.engine("a").generate([])
    with pytest.raises(EngineError):
        residents.engine("broken").generate([])
    assert residents.states()["broken"] == Status("failed", why="no such file")
    assert residents.engine("a").generate([]).text == "a"
    residents.close()


def test_threads_share_one_model():
    residents = Residents(Weights)
    threads = [threading.Thread(target=residents.engine("a").generate, args=([],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert residents._engines["a"].loads == 1
    residents.close()


def test_states_can_be_asked_for_while_a_model_loads_and_none_goes_while_it_answers():
    hold, answering = threading.Event(), threading.Event()

    class Slow(Weights):
        def load(self):
            if self.name == "slow" and self.state == "absent":
                self.state, self.loaded = "loading", 0.5
                assert hold.wait(20)
            super().load()

        def generate(self, messages, **more):
            answering.set()
            time.sleep(0.1)
            return super().generate(messages)  # asserts that it is still loaded

    residents = Residents(Slow)
    first = threading.Thread(target=residents.engine("a").generate, args=([],))
    first.start()
    assert answering.wait(20)
    second = threading.Thread(target=residents.load, args=("slow",))
    second.start()
    deadline = time.monotonic() + 20
    while states(residents).get("slow") != "loading" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert residents.states()["slow"] == Status("loading", 0.5)
    assert states(residents)["a"] == "absent"
    hold.set()
    first.join()
    second.join()
    assert states(residents) == {"a": "absent", "slow": "ready"}
    residents.unload("slow")
    assert states(residents)["slow"] == "absent"
    residents.close()
