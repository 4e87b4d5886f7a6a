"""Words by which free text tells conditions, loops, jumps, parallel work and ends, in Russian and English.

Every pattern is anchored or bounded, so that matching takes time in proportion to the text. No graph, no statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from diagram.kinds import Language

__all__ = ["LEXICONS", "Lexicon", "guess_language"]

_NUM: Final = r"№?\s?(?P<n>\d+(?:\.\d+)*[а-яёa-z]?)\b"


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


@dataclass(frozen=True)
class Lexicon:
    """Patterns of one language. `tokens` finds if / then / else as named groups; the others match one clause."""

    tokens: re.Pattern[str]
    starts_if: re.Pattern[str]
    trailing_if: re.Pattern[str]
    yes_no: re.Pattern[str]
    bare_answer: re.Pattern[str]
    next_answer: re.Pattern[str]
    loop_head: re.Pattern[str]
    while_: re.Pattern[str]
    while_not: re.Pattern[str]
    repeat: re.Pattern[str]
    repeat_head: re.Pattern[str]
    repeat_steps: re.Pattern[str]
    trailing_until: re.Pattern[str]
    until: re.Pattern[str]
    each: re.Pattern[str]
    parallel: re.Pattern[str]
    beside: re.Pattern[str]
    meanwhile: re.Pattern[str]
    goto: re.Pattern[str]
    goto_label: re.Pattern[str]
    jump_after: re.Pattern[str]
    stop: re.Pattern[str]
    start: re.Pattern[str]
    then: re.Pattern[str]
    opening: re.Pattern[str]
    step_word: re.Pattern[str]
    decision_word: re.Pattern[str]
    no_role: re.Pattern[str]
    listing: re.Pattern[str]
    verb: re.Pattern[str]
    abbreviation: re.Pattern[str]
    remark: re.Pattern[str]


_RU_GO = (
    r"(?:снова\s+)?(?:перейти|переход|перейдите|переходим|переходит|переходят|переходите|вернуться|вернитесь|возврат|"
    r"возвращаемся|возвращается|вернёмся|вернемся|вернуть|идти|повторить|повторяем|продолжить|продолжаем)"
)
_EN_GO = r"(?:go(?:es)?(?:\s+back)?|goto|returns?|jumps?|back|proceeds?|continues?|repeats?|resumes?)"

_RUSSIAN: Final = Lexicon(
    tokens=_words(
        r"(?<![\w-])(?:(?P<elif>иначе,?\s+если|(?:а\s+)?если\s+же)|(?P<else>(?:а\s+)?иначе|в\s+противном\s+случае|"
        r"в\s+ином\s+случае|в\s+остальных\s+случаях|во\s+всех\s+остальных\s+случаях|(?:а\s+)?если\s+нет(?=[\s,:—–-]))|"
        r"(?P<if>если)|(?P<then>то))(?=[\s,:])"
    ),
    starts_if=_words(r"(?:а\s+|и\s+)?(?:если|в\s+случае,?\s+если|при\s+условии,?\s+что)\s+"),
    trailing_if=_words(r"(?P<body>[^?]+?),?\s+если\s+(?P<cond>[^,;:]+)$"),
    yes_no=_words(r"если\s+(?P<label>да|нет)\s*(?:,\s*то|,|:|\s[—–-]|\sто)\s+(?P<body>.+)"),
    bare_answer=_words(r"(?P<label>да|нет)\s*(?::|[—–-]|→|->)\s+(?P<body>.+)"),
    next_answer=_words(r"\s*[,;]\s+(?=(?:да|нет)\s*(?::|[—–-]|→|->)\s)"),
    loop_head=_words(r"(?:пока|для\s+(?:каждого|каждой|каждому|всех)|повторя\w+|повторить)\b[^:;.]{1,200}:\s"),
    while_=_words(r"пока\s+(?P<cond>[^,:—]+?)\s*(?:,|:|\s—)\s*(?P<body>.*)"),
    while_not=_words(r"не\s+"),
    repeat=_words(
        r"(?:повторять|повторяем|повторите|повторить|выполнять|выполняем)\s*:?\s*(?P<body>.*?),?\s*"
        r"(?:(?P<until>до\s+тех\s+пор,?\s+пока\s+не|пока\s+не)|(?P<while>до\s+тех\s+пор,?\s+пока|пока)|"
        r"(?P<upto>до(?:\s+момента,?\s+когда)?))\s+(?P<cond>[^,;:]+)$"
    ),
    repeat_head=_words(
        r"(?:повторять|повторяем|повторите|повторить|выполнять|выполняем),?\s+(?:(?P<until>до\s+тех\s+пор,?\s+пока\s+не|"
        r"пока\s+не)|(?P<while>до\s+тех\s+пор,?\s+пока|пока))\s+(?P<cond>[^,;:]+):\s+(?P<body>.+)"
    ),
    repeat_steps=_words(rf"(?:повторять|повторить|повторяем)?\s*(?:шаги?|пункты?)\s+{_NUM}(?:\s*[-–—и]+\s*\d[\d.]*)?$"),
    trailing_until=_words(r"(?P<body>.+?),?\s+(?:до\s+тех\s+пор,?\s+пока\s+не|пока\s+не)\s+(?P<cond>[^,;:]+)$"),
    until=_words(r"(?:до\s+тех\s+пор,?\s+пока\s+не|пока\s+не|до)\s+(?P<cond>[^;:]+)$"),
    each=_words(r"(?P<cond>для\s+(?:каждого|каждой|каждому|всех)\s+[^,:—]+?)\s*(?:,|:|\s—)\s*(?P<body>.*)"),
    parallel=_words(
        r"(?:параллельно|одновременно)(?:\s+(?:выполняются|выполняем|выполнить|происходит|идут|начинаются|"
        r"следующее|два\s+действия|две\s+ветки))*\s*(?::|,|—|-)?\s*(?P<body>.*)"
    ),
    beside=_words(
        r"(?P<a>[^,;]+?),?\s+(?:и\s+|а\s+)?(?:одновременно|параллельно|в\s+это\s+же\s+время|в\s+это\s+время|тем\s+временем)"
        r"(?:\s+с\s+этим)?,?\s+(?P<b>.+)"
    ),
    meanwhile=_words(
        r"(?:тем\s+временем|в\s+это(?:\s+же)?\s+время|в\s+то\s+же\s+время|параллельно\s+с\s+этим|"
        r"одновременно\s+с\s+этим)\s*[,:]?\s*(?P<body>.+)"
    ),
    goto=_words(
        rf"(?:{_RU_GO}\s+(?:снова\s+)?(?:к|на|с|в|от)?\s*(?:шаг\w*|пункт\w*|п\.|этап\w*)?\s*{_NUM}"
        rf"|(?:к|на)?\s*(?:шаг\w*|пункт\w*|п\.)\s*{_NUM.replace('<n>', '<m>')})$"
    ),
    goto_label=_words(rf"{_RU_GO}\s+(?:к|на|с|в)?\s*(?:шаг\w*|действи\w+|этап\w*)?\s*[«\"“](?P<label>[^»\"”]+)[»\"”]$"),
    jump_after=_words(
        rf"(?:,?\s+(?:и|а|после\s+чего|затем|потом)\s+(?:затем\s+|снова\s+)?|[,;]\s*|\s+[—–-]\s+)(?={_RU_GO}\s)"
    ),
    stop=_words(
        r"(?:на\s+этом\s+)?(?:(?:конец|стоп|финиш|завершение|окончание)(?:\s+(?:процесса|работы|алгоритма|программы))?|"
        r"(?:завершить|закончить|прекратить|завершаем|заканчиваем|остановить)\s+(?:процесс|работу|алгоритм|выполнение)|"
        r"(?:перейти|переход)\s+(?:к\s+концу|в\s+конец)|(?:процесс|работа|алгоритм)\s+(?:завершается|заканчивается|окончен|окончена|завершён|завершен|завершена))"
        r"(?:\s*[:—–]\s*(?P<label>.+))?$"
    ),
    start=_words(
        r"(?:начало|старт|начать)(?:\s+(?:процесса|процесс|работы|работу|алгоритма))?(?:\s*[:—–]\s*(?P<label>.+))?$"
        r"|процесс\s+начинается(?:\s*[:—–]\s*(?P<named>.+))?$"
    ),
    then=_words(r"(?:,\s*|\s+и\s+|\s+а\s+)(?:затем|потом|после\s+чего|после\s+этого|далее)\s+"),
    opening=_words(
        r"(?:затем|потом|после\s+этого|после\s+чего|далее|сначала|сперва|прежде\s+всего|во-первых|во-вторых|в-третьих|"
        r"наконец|в\s+конце|первым\s+делом|в\s+итоге|на\s+первом\s+этапе|следующим\s+шагом)\s*[,:]?\s+"
    ),
    step_word=_words(rf"(?:шаг|этап|пункт)\s+{_NUM}\s*[.:)—–-]?\s*"),
    decision_word=_words(r"(?:решение|условие|проверка|развилка|вопрос)\s*:\s*(?P<text>.+)"),
    no_role=_words(
        r"(?:если|иначе|решение|условие|проверка|развилка|вопрос|начало|старт|конец|шаг|этап|пункт|да|нет|примечание|"
        r"внимание|важно|результат|вход|выход|итог|цель|параллельно|одновременно|пока|повторять|для|затем|потом|далее|"
        r"когда|после|перед|при|по|в|во|на|с|со|до|от|из|у|за|под|над|без|о|об|к|процесс|алгоритм|порядок|описание)\b|\w+(?:ть|ти|чь|ться|тись)\b"
    ),
    listing=_words(r"\s*[;,]\s*(?:и\s+|а\s+также\s+)?|\s+и\s+|\s+а\s+также\s+"),
    verb=_words(r".*?\w(?:ть|ти|чь|ться|ет|ёт|ит|ют|ут|ят|ат|ется|ится|ются|ем|им|ите|йте)\b"),
    abbreviation=_words(
        r"(?:^|.*[\s(])(?:т\.\s?[едпк]|др|пр|г|ул|руб|тыс|млн|п|ст|рис|табл|см|стр|ред|им|напр|[а-яё])\.$"
    ),
    remark=_words(
        r"(?:примечание|внимание|важно|цель|справочно)\s*[:—–]|(?:этот|данный|настоящий)\s+(?:процесс|документ|алгоритм|"
        r"регламент)\b|(?:ниже|далее)\s+(?:описан|приведен|показан)"
    ),
)

_ENGLISH: Final = Lexicon(
    tokens=_words(
        r"(?<![\w-])(?:(?P<elif>else,?\s+if|otherwise,?\s+if|elif)|(?P<else>otherwise|or\s+else|else|in\s+other\s+cases|"
        r"in\s+all\s+other\s+cases|if\s+not(?=\s*,))|(?P<if>if)|(?P<then>then))(?=[\s,:])"
    ),
    starts_if=_words(r"(?:and\s+|but\s+)?(?:if|in\s+case)\s+"),
    trailing_if=_words(r"(?P<body>[^?]+?),?\s+if\s+(?P<cond>[^,;:]+)$"),
    yes_no=_words(r"if\s+(?P<label>yes|no|not)\s*(?:,\s*then|,|:|\s[—–-]|\sthen)\s+(?P<body>.+)"),
    bare_answer=_words(r"(?P<label>yes|no)\s*(?::|[—–-]|→|->)\s+(?P<body>.+)"),
    next_answer=_words(r"\s*[,;]\s+(?=(?:yes|no)\s*(?::|[—–-]|→|->)\s)"),
    loop_head=_words(r"(?:while|for\s+(?:each|every|all)|repeat)\b[^:;.]{1,200}:\s"),
    while_=_words(r"(?:while|as\s+long\s+as)\s+(?P<cond>[^,:—]+?)\s*(?:,|:|\s—|\s+do\b)\s*(?P<body>.*)"),
    while_not=_words(r"not\s+"),
    repeat=_words(
        r"(?:repeat|keep)\s*:?\s*(?P<body>.*?),?\s*(?:(?P<until>until)|(?P<while>while|as\s+long\s+as)|(?P<upto>up\s+to))"
        r"\s+(?P<cond>[^,;:]+)$"
    ),
    repeat_head=_words(
        r"(?:repeat|keep\s+going),?\s+(?:(?P<until>until)|(?P<while>while|as\s+long\s+as))\s+(?P<cond>[^,;:]+):\s+(?P<body>.+)"
    ),
    repeat_steps=_words(rf"(?:repeat\s+)?(?:steps?|from\s+step)\s+{_NUM}(?:\s*(?:[-–—]|to|and|through)\s*\d[\d.]*)?$"),
    trailing_until=_words(r"(?P<body>.+?),?\s+until\s+(?P<cond>[^,;:]+)$"),
    until=_words(r"until\s+(?P<cond>[^;:]+)$"),
    each=_words(r"(?P<cond>for\s+(?:each|every|all)\s+[^,:—]+?)\s*(?:,|:|\s—)\s*(?P<body>.*)"),
    parallel=_words(
        r"(?:in\s+parallel|simultaneously|at\s+the\s+same\s+time|concurrently)\s*(?::|,|—|-)?\s*(?P<body>.*)"
    ),
    beside=_words(
        r"(?P<a>[^,;]+?),?\s+(?:and\s+)?(?:meanwhile|in\s+parallel|simultaneously|at\s+the\s+same\s+time),?\s+(?P<b>.+)"
    ),
    meanwhile=_words(r"(?:meanwhile|in\s+the\s+meantime|in\s+parallel\s+with\s+(?:this|that))\s*[,:]?\s*(?P<body>.+)"),
    goto=_words(
        rf"(?:{_EN_GO}\s+(?:to|with|from|at)?\s*(?:step|item|point|no\.?)?\s*#?{_NUM}"
        rf"|(?:to\s+)?(?:step|item)\s*#?{_NUM.replace('<n>', '<m>')})$"
    ),
    goto_label=_words(rf"{_EN_GO}\s+(?:to|with|from|at)?\s*(?:the\s+)?(?:step\s+)?[«\"“](?P<label>[^»\"”]+)[»\"”]$"),
    jump_after=_words(rf"(?:,?\s+(?:and|then)\s+(?:then\s+)?|[,;]\s*|\s+[—–-]\s+)(?={_EN_GO}\s)"),
    stop=_words(
        r"(?:go\s+to\s+(?:the\s+)?end|(?:the\s+)?(?:end|stop|finish|exit)(?:\s+(?:of\s+)?(?:the\s+)?(?:process|procedure|algorithm|program|flow))?|"
        r"(?:the\s+)?(?:process|procedure|algorithm|flow)\s+(?:ends|is\s+over|finishes|stops|terminates)(?:\s+here)?)"
        r"(?:\s*[:—–]\s*(?P<label>.+))?$"
    ),
    start=_words(
        r"(?:start|begin)(?:\s+(?:of\s+)?(?:the\s+)?(?:process|procedure|algorithm))?(?:\s*[:—–]\s*(?P<label>.+))?$"
        r"|(?:the\s+)?process\s+(?:starts|begins)(?:\s*[:—–]\s*(?P<named>.+))?$"
    ),
    then=_words(r"(?:,\s*|\s+and\s+|,\s+and\s+)(?:then|after\s+that|afterwards)\s+"),
    opening=_words(
        r"(?:then|next|after\s+that|afterwards|after\s+this|first|firstly|second|secondly|third|thirdly|finally|lastly|"
        r"to\s+begin\s+with)(?:\s*,\s*|\s*:\s*|\s+(?=\w))"
    ),
    step_word=_words(rf"(?:step|stage|item)\s+{_NUM}\s*[.:)—–-]?\s*"),
    decision_word=_words(r"(?:decision|condition|check|question|gateway)\s*:\s*(?P<text>.+)"),
    no_role=_words(
        r"(?:if|else|otherwise|decision|condition|question|gateway|start|begin|end|stop|step|stage|item|yes|no|note|"
        r"important|result|input|output|goal|in|at|on|while|repeat|until|for|then|next|first|finally|when|after|before|"
        r"process|procedure|algorithm|check|send|enter|create|update|delete|review|approve|reject|verify|fill|sign|add|"
        r"open|close|select|choose|set|get|read|write|print|prepare|collect|call|notify|confirm|validate|save|load|"
        r"calculate|compute|receive|submit|request|assign|register|record|do|make|ask|wait|pay|ship|pack)\b"
    ),
    listing=_words(r"\s*[;,]\s*(?:and\s+)?|\s+and\s+"),
    verb=_words(r".*\w"),
    abbreviation=_words(r"(?:^|.*[\s(])(?:e\.g|i\.e|etc|mr|mrs|ms|dr|no|vs|fig|approx|dept|inc|ltd|st|[a-z])\.$"),
    remark=_words(
        r"(?:note|important|goal|purpose)\s*:|this\s+(?:process|document|procedure|diagram)\s+(?:describes|shows|is)\b|"
        r"(?:below\s+is|the\s+following)\b"
    ),
)

LEXICONS: Final[dict[Language, Lexicon]] = {"ru": _RUSSIAN, "en": _ENGLISH}


def guess_language(text: str) -> Language:
    """Russian when at least a third of the letters are Cyrillic."""
    letters = cyrillic = 0
    for char in text:
        if char.isalpha():
            letters += 1
            cyrillic += "Ѐ" <= char <= "ӿ"
    return "ru" if cyrillic * 3 > letters else "en"
