"""What a message plainly wants beside an answer, and in what temper: by its words alone; pure."""

from __future__ import annotations

import re

# Who is asked for. Typing errors are those that people make: "опператор", "менеджр", "operater".
_WHO = (
    r"(?:оп+ер+[ао]тор|апер[ао]тор|человек|чел(?!яб)\b|людей|люд[яь]м|менеджр?ер|менед?жер|менджер"
    r"|менеджр|консультант|кансультант|сотрудни[кц]|спец(?:иалист)?|админ(?:истратор)?|поддержк"
    r"|саппорт|отдел|начальств|руководител|кто-?(?:то|нибудь)\s+(?:жив|из\s+люд)|"
    r"кем-?(?:то|нибудь)\s+жив)"
)
_ALIVE = r"(?:жив|реальн|настоящ|нормальн|обычн)\w*"
_PEOPLE = (
    r"(?:humans?|person|people|operat[oe]rs?|agents?|someone|somebody|representatives?|rep\b|reps\b"
    r"|manager|supervisor|consultant|(?:support|customer\s+service)(?:\s+(?:team|staff|agent))?"
    r"|staff|human\s+being|advisor|humam|huamn|oprator)"
)
_REAL = r"(?:real|live|actual|living|breathing|human|flesh)"
# Only plain wishes: a false alarm costs a visitor the assistant and an operator their time.
_PERSON = re.compile(
    rf"""
    # "позовите менеджера", "соедините меня, пожалуйста, с оператором"
    \b(?:поз[оа]в|позв[аи]|соедин|саедин|переключ|перекл|перевед|переда[йд]|подключ|дай|дадите
        |давай(?!\w*\s+я\b)|вызов|вызыв|зов[иу]|свяжи|пригласи(?!ть)|верни|перекин|перенаправ)\w*
        (?:\W+(?!какой|сколько|рейс)\w+){{0,4}}?\W+(?:{_ALIVE}\s+)?{_WHO}\w*
    # "хочу поговорить с человеком", "нужен оператор", "можно человека?"
    | \b(?:хочу|хотел\w*|хотим|надо|можно|могу(?:\s+ли)?(?:\s+я)?|желаю|требую|прошу)\s+
        (?:[^\s,.?!]+\s+){{0,2}}?
        (?:погов|обща|пооб|общ|связ|перегов|говор|обсуд|бесед|спросить\s+у|задать\s+вопрос|позв
        |услыш)
        \w*\s+(?:[^\s,.?!]+\s+){{0,3}}?(?:{_ALIVE}\s+)?{_WHO}\w*
    | \b(?:нуж(?:ен|на|но|ны)|хочу|надо|дайте|дай|требую|можно|где|есть)\s+
        (?:(?:мне|нам|уже|тут|здесь|сюда|срочно|просто|ваш\w*|к|вас|у|ли|там|же|ваш)\s+){{0,3}}
        (?:{_ALIVE}\s+)?
        (?:оп+ер+[ао]тор|апер[ао]тор|человек|менед?жер|менджер|консультант|сотрудник|специалист
        |админ(?:истратор)?|поддержка)
        \w{{0,3}}\s*(?:$|[.,!?)]|пожалуй|плиз|плз|pls|срочно|уже|а\s+не|для\s+связи|на\s+связ|живо)
    # "оператора позовите", "человек нужен"
    | ^\W*(?:(?!как|сколько|кто|для)\w+\W+){{0,2}}?{_WHO}\w*\W+
        (?:(?:мне|нам|уже|срочно|пожалуйста)\W+)?
        (?:поз[ао]в\w*|позвать|нужен|нужна|дайте|дай|вызов\w*|сюда)\W*$
    # "с человеком поговорить", "с ботом говорить не буду", "с кем можно поговорить?"
    | \bс\s+(?:{_ALIVE}\s+)?(?:человеком|людьми|оператором|менеджером|консультантом|специалистом)\s+
        (?:\w+\s+)?(?:поговор|говор|разгов|общ|пообщ|связ)
    | \bс\s+(?:бот|робот|машин|автоответчик)\w*\s+(?:\w+\s+){{0,2}}?не\s+(?:буду|хочу|желаю)
    | \bс\s+кем\s+(?:\w+\s+){{0,2}}?(?:поговор|связ|пообщ|обсуд)
    # Whoever is to call back is a person.
    | \b(?:перезвоните|перезвони)\b | \bпозвони(?:те)?\s+мне\b
    | \bпусть\s+(?:\w+\s+){{0,3}}?(?:по|пере)звон[ия]т\b
    | \bпожаловат\w*\s+(?:\w+\s+){{0,2}}?(?:начальн|руковод|директор)\w*
    | \bесть\s+кто(?:-?(?:нибудь|то))?(?:\s+(?:жив\w+|тут|здесь|там))?\W*$
    | \b(?:жив|реальн|настоящ)\w*\s+(?:человек|оператор|люд|менеджер|консультант|сотрудник
        |специалист|собеседник)\w*(?!\s+(?:размер|рост|экскурс))
    | \b(?:человек|оператор|кто-?нибудь|кто-?то|люди)\w*\s+(?:живо?й|живые|на\s+связи|есть)\b
    | \b(?:есть|тут|здесь|там)\s+(?:кто-?нибудь|кто-?то|хоть\s+кто-?то|люди)(?:\s+(?:жив\w+
        |тут))?\s*\W*$
    | \b(?:поговор|пообща|говор|разгов|общаться|свяж|связ)\w*\s+(?:\w+\s+){{0,2}}?(?:с
        |со)\s+(?:\w+\s+){{0,2}}?
        (?:{_ALIVE}\s+)?(?:человек|люд|оператор|менеджер|консультант|сотрудник|специалист
        |поддержк)\w*
    | \bне\s+(?:хочу|буду|желаю|надо)\s+(?:\w+\s+){{0,2}}?(?:с\s+)?
        (?:\w+\s+)?(?:бот|робот|машин|автоответчик|железяк)\w*
    | ^\W*(?:(?:эй|ну|алло|ало|а|же|да|нет|плиз|пж|пжлст|пожалуйста|пожалуста|срочно|быстро
        |мне)\W+){{0,3}}
        (?:{_ALIVE}\s+)?
        (?:оп+ер+[ао]тор|апер[ао]тор|человек|менед?жер|менджер|консультант|специалист|людей|живого
        |живой)
        \w{{0,2}}(?:\W+(?:плиз|пж|пжлст|пожалуйста|пожалуста|срочно|быстро|живой|живого|где
        |сюда)){{0,3}}\W*$
    # "talk to a real person", "put me through to your manager"
    | \b(?:talk|speak|chat|conn?ect|transfer|transf+er|switch|put|patch|pass|get|forward|redirect
        |hand|escalate
        |bring|give|call|need|want|have|find|reach|contact|prefer|message)\w*\s+
        (?:(?:me|us|this|it|please|pls|directly|over|through|on|in|here|now|just|rather
        |instead)\s+){{0,3}}
        (?:(?:to|with|for|of|a|an|the|your|some|any|one|really|hold|speak|talk|chat|talking|be
        |transferred
            |connected|get)\s+){{0,5}}
        (?:{_REAL}\s+){{0,2}}(?:{_REAL}|{_PEOPLE})\b
        (?!\s+(?:fly|visa|passport|ticket|fee|price|go|travel|bring|come|pay|per|who|in\s+a\s+wheel
        |costs?
            |resources|for\s+(?:a|the|our|my)\s+\w+|under|over|older|younger|rights|with|discount
            |number|account|course|role|job|position|licen[cs]e
            |of\s+the|size|guide|guides|does|do|is|are|needs?|have|has|to\s+(?!talk|speak|chat
            |help)))
    | \b(?:connect|transfer|hand|put|pass|switch)\s+(?:me|us)\s+(?:\w+\s+)?(?:to|with)\s+
        (?:(?:your|the|a|customer|technical|tech|sales)\s+){{0,2}}(?:team|support|service|sales|colleagues?)\b
    | \bcan\s+(?:a\s+(?:human|person)|someone|somebody|anyone)\s+(?:please\s+)?
        (?:help|call|answer)\s+me\b
    | \b(?:get|give|find|bring)\s+me\s+(?:someone|somebody)\s+(?:who|that)\s+(?:can|knows|will|is)\b
    | \bcall\s+me\s+back\b | \bhave\s+(?:someone|somebody)\s+(?:call|phone|contact)\s+me\b
    | \bescalate\s+(?:this|it|my)\b | ^\W*any\s?(?:one|body)\s+(?:there|here)\b
    | \bwho\s+(?:can|could|may|should|do)\s+i\s+(?:(?:talk|speak|turn)\s+to|contact)\b
    | \b(?:real|live|actual|living|human)\s+(?:person|human|operator|agent|people|being|someone
        |support|help)\b
    | \b(?:is|are)\s+(?:there\s+)?(?:any\s*(?:one|body)|some\s*(?:one|body)|people|a\s+(?:human
        |person))\s*
        (?:there|here|real|alive|human|i\s+can\s+(?:talk|speak))
    | \banyone\s+(?:there|here)\s*\W*$
    | ^\W*(?:(?:give|get|i|want|need|me|a|an|the|please|pls|plz|hey|no|ok|just|some|now
        |real)\W+){{0,5}}
        (?:humans?|operat[oe]r|agent|representative|support\s+agent|real\s+person|person|manager
        |supervisor)
        (?:\W+(?:please|pls|plz|now|asap|here|help|thanks)){{0,3}}\W*$
    | \b(?:not|don['’]?t\s+want(?:\s+to\s+(?:talk|speak|chat)\s+(?:to|with))?|no\s+more|stop\s+with
        |hate|sick\s+of)
        \s+(?:(?:a|an|the|this|these|your|talking|to|stupid|another)\s+){{0,3}}(?:ro)?bots?\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
# They ask about people, and not for one.
_ABOUT_PEOPLE = re.compile(
    r"""
    \b(?:сколько|скольки|какое\s+количество|скольким)\b(?!.*\b(?:ждать|жду)\b).*\b(?:человек|люд)
    | \b(?:на|для|от|до|за|по)\s+(?:одного\s+|\d+\s*|двух\s+|трёх\s+|трех\s+|кажд\w+\s+)человек
    | \b\d+\s+(?:человек|people|persons?)\b
    | \b(?:per|each|one|every|another|single|extra)\s+(?:person|adult)\b
    | \b(?:does|can|should|must|will|may)\s+(?:a|an|one|each|every|any|the)\s+
        (?:person|human|operator|manager|agent|someone|guide)\b
        (?!\s+(?:please\s+)?(?:help|call|answer)\s+me\b)
    | \b(?:тур|travel|estate|booking|real\s+estate|insurance)\s*-?\s*(?:оператор|agent|operator
        |manager)\w*
    | \bтуроператор | \bhuman\s+(?:rights|resources|body|history) | \bчеловек\s+(?:с|в|без|на|из
        |может|должен)\b
    | \b(?:виз|паспорт)\w*.*\b(?:человек|сотрудник)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def wants_person(text: str) -> bool:
    """Whether the message asks for a person, in whatever words."""
    if not _PERSON.search(text[:LONGEST]):
        return False
    # What speaks of people in general is passed over, clause by clause.
    clauses = re.split(r"[.!?;\n]+", text[:LONGEST])
    return any(_PERSON.search(one) and not _ABOUT_PEOPLE.search(one) for one in clauses)


# Who wants a person says so at once.
LONGEST = 600

_ANNOYED = re.compile(
    r"""
    \b(?:ты|вы|он|бот|робот)\s+(?:\w+\s+){0,2}?(?:не\s+понима\w+|не\s+слыш\w+|не\s+чита\w+|туп\w+
        |глуп\w+|бесполез\w+
        |бестолков\w+|издева\w+|достал\w*|надоел\w*|бес(?:ишь|ите)|врёшь|врешь|врёте|врете|дурак
        |дура|дурной)
    | \b(?:туп(?:ой|ая|ые|ейш\w+)|глуп(?:ый|ая)|дурацк\w+|бесполезн\w+|идиотск\w+)\s+(?:\w+\s+)?
        (?:бот|робот|чат|ответ|помощник|ассистент|программ)\w*
    | \b(?:бот|робот|чат|помощник|ассистент|ответ)\w*\s+(?:\w+\s+)?(?:туп\w+|бесполез\w+
        |бестолков\w+|дурацк\w+)
    | \b(?:полный|что\s+за|это)\s+(?:бред|чушь|ерунда|издевательств\w+|безобрази\w+|кошмар|ужас)
    | \bне\s+то(?:\s*,)?\s+(?:что|о\s+ч[её]м)\s+я\s+(?:спр|прос|имел)
    | \bя\s+(?:же|уже)\s+(?:\w+\s+){0,2}?(?:спросил|спрашивал|говорил|писал|сказал|просил|объяснял)
    | \b(?:в\s+)?(?:сотый|десятый|третий|пятый|который)\s+раз\b.*(?:спраш|пиш|говор|повтор|прош
        |объясн)
    | \b(?:спрашива|пиш|говор|повторя|прош|объясня)\w*\s+(?:\w+\s+){0,2}?(?:в\s+)?(?:сотый|десятый
        |третий|пятый|который)\s+раз
    | \b(?:сколько|до\s+каких\s+пор)\s+(?:\w+\s+){0,2}?(?:можно|повторять|раз)\s*(?:повторять|одно
        |говорить|объяснять)
    | \b(?:ты|вы|тебя|вас)\s+(?:вообще|хоть|что)\s+(?:\w+\s+){0,2}?(?:чита|понима|слуша|дума)\w*
    | \bникакого\s+толку\b | \bтолку\s+(?:от\s+\w+\s+)?(?:нет|ноль|никакого)\b | \bзадолбал\w*
        | \bбесит\b | \bотвратительн\w+\s+сервис
    | \bты\s+меня\s+(?:бес|достал|за)\w* | \bнадоел\w*\s+(?:уже\s+)?(?:этот\s+)?(?:бот|робот|\W*$)
        | \bненавижу\b
    | \byou\s+(?:\w+\s+){0,2}?(?:don['’]?t|do\s+not|can['’]?t|cannot|didn['’]?t|never|aren['’]?t
        |not)\s+
        (?:even\s+)?(?:understand\w*|get\s+it|listen\w*|read\w*|help\w*|answer\w*)
    | \byou(?:['’]re|\s+are)\s+(?:so\s+|a\s+|an\s+|such\s+a\s+|completely\s+|totally\s+|really\s+)*
        (?:useless|stupid|dumb|worthless|hopeless|terrible|idiot\w*|joke|annoying|no\s+help
        |not\s+helping)
    | \b(?:useless|stupid|dumb|worthless|terrible|crappy|silly)\s+(?:\w+\s+)?(?:bot|robot|chat\w*
        |assistant|ai|machine|answer)s?\b
    | \b(?:this|that|it)(?:['’]s|\s+is)\s+(?:so\s+|completely\s+|totally\s+|just\s+
        |really\s+)*(?:useless|ridiculous|nonsense
        |a\s+waste\s+of\s+time|frustrating|a\s+joke|unacceptable|infuriating)
    | \b(?:already|just)\s+(?:asked|told|said|explained|wrote)\b(?!\s+(?:my|him|her|them))
    | \b(?:that|this)(?:['’]s|\s+is|\s+was)?\s*(?:not|n['’]t)\s+what\s+i\s+(?:asked|meant|said|want)
    | \bhow\s+many\s+times\s+(?:do|must|should|have|did)\s+i\b | \b(?:for\s+the\s+)?(?:third|tenth
        |hundredth|umpteenth)\s+time\b
    | \b(?:i['’]?m|i\s+am)\s+(?:so\s+|really\s+|getting\s+|very\s+)*(?:frustrated|angry|furious
        |annoyed|fed\s+up)
    | \bsick\s+of\s+(?:this|you) | \bare\s+you\s+(?:even\s+)?(?:stupid|dumb|deaf|kidding|listening
        |reading)
    | \bwaste\s+of\s+(?:my\s+)?time\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SIGNS = re.compile(r"[!?]{3,}|(?:!\?|\?!){2,}")
SHOUTED_LETTERS = 10
SHOUTED_SHARE = 0.7


def is_annoyed(text: str) -> bool:
    """Whether the message says that its writer has had enough of the assistant."""
    return bool(_ANNOYED.search(text[:LONGEST]))


def is_shouted(text: str) -> bool:
    """Whether the message is in capitals, or piles up signs of exclamation."""
    letters = [letter for letter in text if letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    is_loud = len(letters) >= SHOUTED_LETTERS and capitals >= len(letters) * SHOUTED_SHARE
    return (is_loud and len(text.split()) > 1) or bool(_SIGNS.search(text))


_GREETING = re.compile(
    r"^\W*(здравствуйте|здравствуй|привет\w*|добрый\s+(день|вечер)|доброе\s+утро|сәлам|исәнмесез"
    r"|hello|hi|hey|good\s+(morning|afternoon|evening|day))\W*$",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"^\W*(большое\s+)?(спасибо|благодарю|рәхмәт|thanks|thank\s+you|thx)"
    r"(\s+(большое|вам|за\s+помощь|very\s+much|a\s+lot))*\W*$",
    re.IGNORECASE,
)


def is_greeting(text: str) -> bool:
    """Whether the message is a greeting and nothing else."""
    return bool(_GREETING.match(text))


def is_thanks(text: str) -> bool:
    """Whether the message is thanks and nothing else."""
    return bool(_THANKS.match(text))
