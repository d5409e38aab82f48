"""Insults are seen through their disguises; harmless words that look like them are left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat import moderation

INSULTS = """
иди нахуй|ты хуйло|хуй вам|пиздец какой-то|пи3дец|п и з д е ц|х у й|х.у.й|xyй|хуууууй|ебаный стыд
заебали уже|ёб твою мать|бля|блядь|блять|6лядь|сука|с у к а|сучка|мудак|пидорас|пидары|гандон
долбоёб|долбаеб|шлюха|дебилы|ублюдок|выблядок|чмо|урод|идиоты|говно ваш сервис|жопа|охуели
похуй|съебись|уебок|fuck you|f u c k|fuuuuck|f.u.c.k|fcking|motherfucker|sh1t|shit|b1tch|bitch
a$$hole|asshole|cunt|dickhead|bastard|you moron|idiot|faggot|wtf|fυck|х\u200bуй|ХУЙ
это и f u c k и всё|ху.й|ху-й|п*здец|х*й|f**k|sh*t|суууука|С У К А|c у к а|cyka blyat|сук@|уёбище
а ты, оказывается, мудааак!|по-хуй|f-u-c-k|f_u_c_k|ｆｕｃｋ|𝐟𝐮𝐜𝐤|х\u0336у\u0336й\u0336|fu\u00adck
ху\u2060й
пошел ты|Пошёл вы оба|заткнись уже|shut up|go to hell|screw you|xuй|пиздюки|наебали|въебал|ебучий
spizdili|nahui|pizdec|zaebali|5uka|д3бил|ид1от|mor0n|1diot|ты твaрь|мpазь|шл юха и с.у.к.а|нахуууй
е б а т ь|И Д И О Т|сyки|выебу|отъебись|объебали|проебали|разъебай|ебанулись|мудила|залупа|пидр
"""
HARMLESS = """
застрахуйте меня|подстрахуй|мандарины|два рубля|учебник|лечебный тур|ребёнок|требую возврат
потреблять|колебаться|хлеб|сабля|оскорблять|сухой|сухую|сугроб|Скажите, сколько стоит|команда|барсук
посуда|художник|худой|хурма|хуже|Scunthorpe|class|assassin|cocktail|Dickens|pass|assist|assume|grass
analysis|shift|шитьё|ship|mashup|психуй|плохую|глухую|эпизод|народ|уродливый|огород|необходимо
бляха-муха|кляп|тебе|себе|небо|хлебать|Дубай|убедить|оба|мебель|на учебу|служебный|потребуется
погреб|стебель|ребус|хуторской|4 place|3 человека|100$|цена 500 р.|name@mail.ru|а я и ты|A B C
рублей|страхуется|страховка|ребра|веб|веб-сайт|в вебе|по вебу|себя|себестоимость|небеса|обед|победа
амёба|дебет|дебют|хлебобулочный|употреблять|ослаблять|граблями|корабля|ансамбля|рубля|вопля|земля
сабли|дублях|истребитель|потребитель|грёбаный берег реки?|гребля|лебедь|лебёдка|свадебный|врачебный
учебы|волшебный|погребён|хребет|жребий|щебет|щебень|мандат|командировка|мандала|мундир|мудрость
мудрый|помада|педикюр|педаль|педиатр|идиома|идиллия|урожай|урок|уродился|дебри|чмок|чмокнуть
говорить|говядина|драчун|дракон|сучок|сучки деревьев?|сук на дереве|суккулент|сукно|барсука
рассуждать
тварог и творог|мразм|дегенерация ткани? нет|книга «Идиот» Достоевского|читали "Идиот"?|Хуан|Хуанхэ
хутор|прохудился|ухудшилось|похудеть|исхудал|духи|слухи|верхушка
shiitake|Essex|Sussex|Middlesex|cockpit|peacock|Hancock|Dick Smith|dictionary|prick of a needle
bass|brass|mass|compass|embassy|passport|massage|associate|assault|asset|assets|glass|assembly
button|butter|title|titan|analyst|canal|cucumber|document|circumstance|accumulate|bastion|bitcoin
kitchen|switch|pitch|hitch|shitake mushrooms?|shirt|sheet|sixty|funk|fungus|fuchsia|Fukuoka|luck
duck
retarget|retail|moroccan|morning|idiom|idiosyncratic|niggle|snigger|vinegar
fagot|spice|spicy|whole|where|kayak|hello there|can I pay by card?|e.g. a b c|U.S.A.|т. е. и т. д.
1 2 3 4 5|a) b) c) d)|я и он и мы и вы|с 9 до 18|и-за|кое-где|мини-бар|wi-fi|x y z|ООО «Хлеб»|п. 3 б
36|36%|€36|36.6|36-38|6:36|8-800-555-36-36|+7 843 236-36-36|36 °C|20.03.2036|13666|сколько: 36?
сколько стоит тур в Казань на двоих?|How much is the tour to Kazan for two?|пошёл дождь
он пошёл в музей
застрахуйте|застрахуй меня|потребительский|употребление|мандарин|мандариновый|Педро|Педрито
педант|педагог|педагогика|ебонит|эбонит|Эбенезер|гребень|требовать|истребить|погребать|сгребать
перегреб|жеребец|щебетать|лебеда|Лебедев|Глеб|хлеба|обеды|победитель|убеждать|дебаты|Ебиль
колебания|ущербный|подстраховка|страховой|сухари|художества|Хуго|хук|хула|хулиган|неплохую|тихую
Мохуа|духу|уху|слуху|пуху|бляха|гиблый|сук дерева|рассудок|досуг|сучковатый|сучить|мудрец|Мудров
премудрый|гондола|гондольер|говор|говорун|Говоров|говяжий|уродство|народный|огородный|породы|Ирод
Чмыхов|чмокать|дебит|кретон|скот|скотный двор|скотч|тварный|творог|дрочёна|дрочена|Penistone
Cockermouth|Clitheroe|Lightwater|Arsenal|Dickinson|Hitchcock|cockroach|assess|classic|passage
massive|cassette|Titanic|analytics|analyze|cumulative|circumcision|scum|therapist|rapeseed|grapes
drape|shitake|mishit|Fukushima|Fuchs|niggardly|Nigeria|Niger|Dick Tracy|Moby-Dick|pussycat
pussy willow|butt joint|hello|shell|hellebore|wankel|swank|Wanke|slutsk|Slutsky|whorl|bitumen
Bitcoin|dyke|retardant|idiomatic|jerky|beef jerky|crass|Kassel|бутылка|херсон|Херсонес|херувим
мандолина|мандрагора|писать|писатель|писк|список|трахея|страх|шлюз|шлюпка|курвиметр|лохматый
Лох-Несс|жидкость|хохлома|негритянка
"""


def rows(table: str) -> list[str]:
    return [row for line in table.strip().splitlines() for row in line.split("|")]


@pytest.mark.parametrize("text", rows(INSULTS))
def test_an_insult_is_seen_and_masked(text: str) -> None:
    verdict = moderation.judge(text)
    assert verdict.insults
    assert "*" in verdict.masked
    assert len(verdict.masked) == len(text)
    assert not moderation.judge(verdict.masked).insults


@pytest.mark.parametrize("text", rows(HARMLESS))
def test_a_harmless_word_stays(text: str) -> None:
    verdict = moderation.judge(text)
    assert verdict.is_fine
    assert verdict.masked == text


def test_the_words_around_an_insult_stay() -> None:
    assert moderation.judge("Ну ты и f u c k, сука, где мой тур?").masked == (
        "Ну ты и f * * *, с***, где мой тур?"
    )


def test_the_owners_words_are_met_in_any_form_that_a_star_allows() -> None:
    verdict = moderation.judge("Лучшее к@зино и Bitcoin", ["казин*", "биткоин", "bitcoin"])
    assert verdict.listed == ("казин*", "bitcoin")
    assert verdict.masked == "Лучшее к***** и B******"
    assert verdict.insults == 0


@pytest.mark.parametrize(
    ("text", "is_spam"),
    [
        ("http://a.ru http://b.ru www.c.ru https://d.ru", True),
        ("see https://a.ru and https://b.ru", False),
        ("купи " * 40, True),
        ("Хочу тур на двоих с детьми в Казань на три дня, чтобы с питанием и трансфером", False),
    ],
)
def test_spam_is_many_links_or_the_same_again_and_again(text: str, is_spam: bool) -> None:
    assert moderation.judge(text).is_spam is is_spam


@given(st.text(alphabet="хуйfuck3$@. -_*\u200b\u0336аеёбля«", max_size=200))
def test_what_was_masked_is_no_insult(text: str) -> None:
    verdict = moderation.judge(text)
    if not verdict.is_spam:
        assert moderation.judge(verdict.masked).masked == verdict.masked


@given(st.text(max_size=300))
def test_whatever_is_written_keeps_its_length(text: str) -> None:
    verdict = moderation.judge(text)
    assert verdict.is_spam or len(verdict.masked) == len(text)
