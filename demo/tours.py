"""The demo's tours: plain data, with departures counted from today so that they never grow old."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Departure:
    """A day on which the tour leaves, and how many places are left."""

    day: date
    places_left: int


@dataclass(frozen=True)
class Tour:
    """One tour; texts are pairs by language."""

    slug: str
    picture: str
    title: dict[str, str]
    summary: dict[str, str]
    story: dict[str, list[str]]
    programme: dict[str, list[str]]
    duration: dict[str, str]
    price: int
    # Monday is 0.
    weekday: int
    seats: int
    # Beginnings of words by which visitors name the tour.
    names: tuple[str, ...]

    def departures(self, today: date, count: int = 4) -> list[Departure]:
        """The next departures, a week apart. Places come from the date, so a day keeps its number."""
        first = today + timedelta(days=(self.weekday - today.weekday() - 1) % 7 + 1)
        days = [first + timedelta(weeks=week) for week in range(count)]
        return [Departure(day, self._places(day, week)) for week, day in enumerate(days)]

    def _places(self, day: date, week: int) -> int:
        taken = zlib.crc32(f"{self.slug}{day}".encode()) % (self.seats - 2)
        return max(2, self.seats - max(0, taken - 3 * week))


TOURS: list[Tour] = [
    Tour(
        "kazan-day", "kremlin",
        {"ru": "Казань за один день", "en": "Kazan in one day"},
        {"ru": "Кремль, Кул-Шариф, Старо-Татарская слобода и обед с эчпочмаками.",
         "en": "The Kremlin, Kul Sharif, the Old Tatar Quarter and a lunch of echpochmaks."},
        {"ru": ["Один день, в который помещается тысяча лет: белые стены Кремля, голубые минареты, падающая башня Сююмбике и расписные дома татарских купцов.",
                "Обедаем в семейном кафе в слободе: суп-лапша, эчпочмак и чай с чак-чаком — уже в цене."],
         "en": ["A single day that holds a thousand years: the white walls of the Kremlin, blue minarets, the leaning Söyembikä tower and painted houses of Tatar merchants.",
                "Lunch is in a family café in the quarter: noodle soup, echpochmak and tea with chak-chak, all included."]},
        {"ru": ["10:00 — Кремль и мечеть Кул-Шариф", "13:00 — обед в Старо-Татарской слободе", "14:30 — озеро Кабан и улица Баумана", "16:00 — смотровая у дворца земледельцев"],
         "en": ["10:00 — the Kremlin and Kul Sharif", "13:00 — lunch in the Old Tatar Quarter", "14:30 — Lake Kaban and Bauman Street", "16:00 — viewpoint at the Palace of Farmers"]},
        {"ru": "7 часов", "en": "7 hours"}, 2900, 5, 30,
        ("казань за", "казани за", "обзорн", "kazan in one", "city tour", "кремл", "kremlin"),
    ),
    Tour(
        "sviyazhsk", "island",
        {"ru": "Остров-град Свияжск", "en": "Sviyazhsk, the island town"},
        {"ru": "Крепость, построенная за четыре недели, и фрески под охраной ЮНЕСКО.",
         "en": "A fortress built in four weeks, and frescoes protected by UNESCO."},
        {"ru": ["В 1551 году крепость срубили под Угличем, разобрали, сплавили по Волге и собрали на острове за четыре недели.",
                "Летом возвращаемся в Казань на теплоходе — два часа по Волге на закате."],
         "en": ["In 1551 the fortress was cut near Uglich, taken apart, floated down the Volga and put together on the island in four weeks.",
                "In summer we return to Kazan by boat: two hours on the Volga at sunset."]},
        {"ru": ["9:00 — выезд из Казани", "10:15 — Успенский собор и фрески XVI века", "13:00 — обед с ухой", "14:30 — мастерские и конный двор", "18:00 — возвращение"],
         "en": ["9:00 — departure from Kazan", "10:15 — Assumption Cathedral, frescoes of the 16th century", "13:00 — lunch with fish soup", "14:30 — workshops and the stables", "18:00 — return"]},
        {"ru": "9 часов", "en": "9 hours"}, 3400, 6, 40, ("свияжск", "sviyazhsk"),
    ),
    Tour(
        "bolgar", "mausoleum",
        {"ru": "Древний Болгар", "en": "Ancient Bolgar"},
        {"ru": "Столица Волжской Булгарии: мавзолеи, Белая мечеть и музей хлеба.",
         "en": "The capital of Volga Bulgaria: mausoleums, the White Mosque and the Bread Museum."},
        {"ru": ["Город, где в 922 году приняли ислам: белокаменные руины над Волгой, Малый минарет, по которому можно подняться, и самый большой печатный Коран.",
                "Пробуем хлеб из дровяной печи в музее с настоящей мельницей."],
         "en": ["The town that adopted Islam in 922: white stone ruins above the Volga, the Small Minaret you can climb, and the largest printed Quran.",
                "We taste bread from a wood-fired oven in a museum with a working mill."]},
        {"ru": ["8:00 — выезд из Казани", "11:00 — Соборная мечеть и мавзолеи", "13:30 — обед", "14:30 — Белая мечеть и музей хлеба", "20:00 — возвращение"],
         "en": ["8:00 — departure from Kazan", "11:00 — Cathedral Mosque and mausoleums", "13:30 — lunch", "14:30 — White Mosque and the Bread Museum", "20:00 — return"]},
        {"ru": "12 часов", "en": "12 hours"}, 4600, 5, 36, ("болгар", "булгар", "bolgar"),
    ),
    Tour(
        "raifa", "lake",
        {"ru": "Раифа и Храм всех религий", "en": "Raifa and the Temple of All Religions"},
        {"ru": "Монастырь на лесном озере и самый пёстрый дом Татарстана.",
         "en": "A monastery on a forest lake and the most colourful house in Tatarstan."},
        {"ru": ["Полдня среди сосен: чудотворная икона, источник и озеро, где лягушки молчат.",
                "По дороге — Храм всех религий с шестнадцатью куполами."],
         "en": ["Half a day among pines: a wonder-working icon, a spring, and a lake whose frogs keep silent.",
                "On the way, the Temple of All Religions with its sixteen domes."]},
        {"ru": ["9:00 — выезд из Казани", "9:40 — Храм всех религий", "11:00 — Раифский монастырь", "14:00 — возвращение"],
         "en": ["9:00 — departure from Kazan", "9:40 — Temple of All Religions", "11:00 — Raifa monastery", "14:00 — return"]},
        {"ru": "5 часов", "en": "5 hours"}, 2400, 2, 30, ("раиф", "храм всех", "raifa", "all religions"),
    ),
    Tour(
        "elabuga", "tower",
        {"ru": "Елабуга и Чистополь, выходные", "en": "A weekend in Elabuga and Chistopol"},
        {"ru": "Шишкин, Цветаева, Пастернак и ночь в купеческом доме над Камой.",
         "en": "Shishkin, Tsvetaeva, Pasternak and a night in a merchant's house above the Kama."},
        {"ru": ["Два неспешных дня по литературным городам Камы: музей Шишкина, Чёртово городище, дом Пастернака и часовой завод «Восток».",
                "Ночуем в купеческом особняке; завтрак и два обеда в цене."],
         "en": ["Two slow days in the literary towns of the Kama: the Shishkin museum, the Devil's Tower, Pasternak's house and the Vostok watch factory.",
                "We sleep in a merchant's mansion; breakfast and two lunches are included."]},
        {"ru": ["Суббота — Чистополь, дом Пастернака, переезд в Елабугу", "Воскресенье — Шишкин, Цветаева, Чёртово городище, возвращение к 20:00"],
         "en": ["Saturday — Chistopol, Pasternak's house, on to Elabuga", "Sunday — Shishkin, Tsvetaeva, the Devil's Tower, back by 8 pm"]},
        {"ru": "2 дня", "en": "2 days"}, 12800, 5, 24, ("елабуг", "чистопол", "elabuga", "chistopol"),
    ),
    Tour(
        "volga-cruise", "ship",
        {"ru": "Круиз по Волге на закате", "en": "Volga cruise at sunset"},
        {"ru": "Три часа на теплоходе, ужин и живая музыка.",
         "en": "Three hours on board, dinner and live music."},
        {"ru": ["Казанский Кремль с воды, Услонские горы и огни вечернего города. Верхняя палуба открыта, пледы выдаём.",
                "Ужин из трёх блюд в цене; есть халяльное и вегетарианское меню."],
         "en": ["The Kremlin from the water, the Uslon hills and the lights of the evening city. The upper deck is open, blankets are on us.",
                "A three-course dinner is included, halal or vegetarian."]},
        {"ru": ["18:30 — посадка в речном порту", "19:00 — отправление, ужин", "22:00 — возвращение"],
         "en": ["18:30 — boarding at the river port", "19:00 — departure, dinner", "22:00 — return"]},
        {"ru": "3 часа", "en": "3 hours"}, 3800, 4, 60, ("круиз", "теплоход", "волге", "cruise", "boat", "volga"),
    ),
    Tour(
        "food", "tea",
        {"ru": "Гастрономическая Казань", "en": "A taste of Kazan"},
        {"ru": "Шесть заведений, мастер-класс по чак-чаку и рынок.",
         "en": "Six places, a chak-chak workshop and the market."},
        {"ru": ["Губадия, токмач, конская колбаса, талкыш калеве: пробуем двенадцать татарских блюд и готовим чак-чак сами.",
                "Всё халяль, вегетарианцам есть чем заменить."],
         "en": ["Gubadiya, tokmach, horse sausage, talkysh kaleve: we taste twelve Tatar dishes and make chak-chak ourselves.",
                "All of it is halal, with something instead for vegetarians."]},
        {"ru": ["11:00 — Центральный рынок", "12:30 — шесть дегустаций в центре", "15:00 — мастер-класс в музее чак-чака"],
         "en": ["11:00 — the Central Market", "12:30 — six tastings in the centre", "15:00 — workshop at the Chak-Chak Museum"]},
        {"ru": "5 часов", "en": "5 hours"}, 4200, 5, 14, ("гастроном", "чак-чак", "дегустац", "food tour", "taste", "chak"),
    ),
    Tour(
        "winter", "snow",
        {"ru": "Зимняя сказка", "en": "A winter tale"},
        {"ru": "Вечерняя Казань, каток у Кремля и чай из самовара.",
         "en": "Kazan in the evening, the rink by the Kremlin and tea from a samovar."},
        {"ru": ["Прогулка по украшенному центру, час на катке у Чёрного озера (коньки в цене) и самовар с пирогами в резном доме."],
         "en": ["A walk through the decorated centre, an hour on the rink at the Black Lake (skates included) and a samovar with pies in a carved house."]},
        {"ru": ["17:00 — сбор у метро «Кремлёвская»", "18:00 — каток", "19:30 — самовар"],
         "en": ["17:00 — meeting at Kremlyovskaya metro", "18:00 — skating", "19:30 — samovar"]},
        {"ru": "4 часа", "en": "4 hours"}, 1900, 4, 18, ("зимн", "каток", "winter", "skating"),
    ),
    Tour(
        "innopolis", "city",
        {"ru": "Иннополис с детьми", "en": "Innopolis with children"},
        {"ru": "Город программистов: роботы, беспилотники и верёвочный парк.",
         "en": "A town of programmers: robots, self-driving cars and a rope park."},
        {"ru": ["Самый молодой город России глазами школьника: университет, лаборатория роботов и поездка на беспилотном такси.",
                "Программа для детей от шести лет; маршрут доступен для колясок."],
         "en": ["Russia's youngest town for school children: the university, a robotics lab and a ride in a self-driving taxi.",
                "For children from six; the route is wheelchair accessible."]},
        {"ru": ["9:30 — выезд из Казани", "10:30 — университет и лаборатория", "13:00 — обед", "14:00 — верёвочный парк", "17:00 — возвращение"],
         "en": ["9:30 — departure from Kazan", "10:30 — university and lab", "13:00 — lunch", "14:00 — rope park", "17:00 — return"]},
        {"ru": "7,5 часа", "en": "7.5 hours"}, 3100, 6, 28, ("иннополис", "innopolis", "робот", "robot"),
    ),
]

BY_SLUG = {tour.slug: tour for tour in TOURS}
