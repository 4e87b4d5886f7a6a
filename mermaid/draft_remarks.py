"""What the drafter has to say of a text, in the language of the text: the places that are not in the graph, quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from diagram.kinds import Language

Remark = Literal[
    "unclear", "heading", "aside", "until", "other_case", "no_target", "nothing_leads", "twice", "no_step", "no_owner",
    "more",
]  # fmt: skip

_MOST: Final = 50
_LONGEST: Final = 200
_WORDS: Final[Mapping[Language, Mapping[Remark, str]]] = {
    "en": {
        "unclear": "Not understood: {}",
        "heading": "Taken as a heading, not as a step: {}",
        "aside": "Taken as a remark, not as a step: {}",
        "until": "It is not said until when this repeats: {}",
        "other_case": "It is not said what this is the other case of: {}",
        "no_target": "There is no such step: {}",
        "nothing_leads": "Nothing leads here: {}",
        "twice": "Number {} is given twice; references to it mean the first.",
        "no_step": "There is no step {}; the flow to or from it is left out.",
        "no_owner": "There is no step {} that step {} could belong to.",
        "more": "{} more places were not understood.",
    },
    "ru": {
        "unclear": "Не понято: {}",
        "heading": "Принято за заголовок, а не за шаг: {}",
        "aside": "Принято за примечание, а не за шаг: {}",
        "until": "Не сказано, до каких пор это повторяется: {}",
        "other_case": "Не сказано, чему это противоположный случай: {}",
        "no_target": "Такого шага нет: {}",
        "nothing_leads": "Сюда ничто не ведёт: {}",
        "twice": "Номер {} дан дважды; ссылки на него относятся к первому.",
        "no_step": "Шага {} нет; переход к нему или от него пропущен.",
        "no_owner": "Нет шага {}, в который мог бы входить шаг {}.",
        "more": "Не понято ещё мест: {}.",
    },
}


class Remarks:
    """Warnings on one text, in its language: in the order of the text, each once."""

    def __init__(self, language: Language) -> None:
        self._words = _WORDS[language]
        self._said: dict[str, None] = {}

    def note(self, remark: Remark, *quoted: object) -> None:
        """Say this of the quoted words, unless it has been said."""
        self._said[_short(self._words[remark].format(*quoted))] = None

    def told(self) -> tuple[str, ...]:
        """All warnings; beyond `_MOST` only their number."""
        said = list(self._said)
        if len(said) > _MOST:
            said[_MOST:] = [self._words["more"].format(len(said) - _MOST)]
        return tuple(said)


def _short(warning: str) -> str:
    return warning if len(warning) <= _LONGEST else warning[: _LONGEST - 1].rstrip() + "…"
