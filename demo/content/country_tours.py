"""The tours that leave Kazan behind."""

from __future__ import annotations

from demo.content.city_tours import HOTEL
from demo.content.tour import Tour

COUNTRY_TOURS: list[Tour] = [
    Tour(
        slug="sviyazhsk",
        picture="island",
        title={"ru": "Остров-град Свияжск", "en": "Sviyazhsk, the island town"},
        summary={
            "ru": "Крепость, построенная за четыре недели, и фрески под охраной ЮНЕСКО.",
            "en": "A fortress built in four weeks, and frescoes protected by UNESCO.",
        },
        story={
            "ru": [
                "В 1551 году крепость срубили под Угличем, разобрали, сплавили по Волге и собрали на острове за четыре недели.",
                "С мая по сентябрь возвращаемся в Казань на теплоходе — два часа по Волге.",
            ],
            "en": [
                "In 1551 the fortress was cut near Uglich, taken apart, floated down the Volga and put together on the island in four weeks.",
                "From May to September we return to Kazan by boat: two hours on the Volga.",
            ],
        },
        programme={
            "ru": [
                "9:00 — выезд из Казани",
                "10:15 — Успенский собор и фрески XVI века",
                "13:00 — обед с ухой",
                "14:30 — мастерские и конный двор",
                "18:00 — возвращение",
            ],
            "en": [
                "9:00 — departure from Kazan",
                "10:15 — Assumption Cathedral, frescoes of the 16th century",
                "13:00 — lunch with fish soup",
                "14:30 — workshops and the stables",
                "18:00 — return",
            ],
        },
        duration={"ru": "9 часов", "en": "9 hours"},
        meeting=HOTEL,
        price=3400,
        weekday=6,
        seats=40,
        names=(r"свияжск\w*", r"sviya[zj]h?sk"),
        places=("свияжск", "sviyazhsk"),
    ),
    Tour(
        slug="bolgar",
        picture="mausoleum",
        title={"ru": "Древний Болгар", "en": "Ancient Bolgar"},
        summary={
            "ru": "Столица Волжской Булгарии: мавзолеи, Белая мечеть и музей хлеба.",
            "en": "The capital of Volga Bulgaria: mausoleums, the White Mosque and the Bread Museum.",
        },
        story={
            "ru": [
                "Земля, где в 922 году приняли ислам: белокаменные руины над Волгой, Малый минарет XIV века и самый большой печатный Коран в мире.",
                "В музее хлеба — настоящая мельница и каравай из дровяной печи. Обед в цене.",
            ],
            "en": [
                "The land that adopted Islam in 922: white stone ruins above the Volga, the Small Minaret of the 14th century and the largest printed Quran in the world.",
                "The Bread Museum has a real mill and a loaf from a wood-fired oven. Lunch is included.",
            ],
        },
        programme={
            "ru": [
                "8:00 — выезд из Казани",
                "11:00 — Соборная мечеть и мавзолеи",
                "13:30 — обед",
                "14:30 — Белая мечеть и музей хлеба",
                "20:00 — возвращение",
            ],
            "en": [
                "8:00 — departure from Kazan",
                "11:00 — Cathedral Mosque and mausoleums",
                "13:30 — lunch",
                "14:30 — White Mosque and the Bread Museum",
                "20:00 — return",
            ],
        },
        duration={"ru": "12 часов", "en": "12 hours"},
        meeting=HOTEL,
        price=4600,
        weekday=5,
        seats=36,
        # Bulgaria on the Black Sea is another country.
        names=(r"б[оу]лгар(?!и)\w*", r"b[ou]lgar(?!ia)"),
        places=("болгар", "bolgar"),
    ),
    Tour(
        slug="raifa",
        picture="lake",
        title={"ru": "Раифа и Храм всех религий", "en": "Raifa and the Temple of All Religions"},
        summary={
            "ru": "Монастырь на лесном озере и самый пёстрый дом Татарстана.",
            "en": "A monastery on a forest lake and the most colourful house in Tatarstan.",
        },
        story={
            "ru": [
                "Полдня среди сосен: монастырь XVII века, чудотворная икона, источник и озеро, где, по преданию, молчат лягушки.",
                "По дороге — Храм всех религий с шестнадцатью куполами.",
            ],
            "en": [
                "Half a day among pines: a monastery of the 17th century, a wonder-working icon, a spring, and a lake whose frogs, they say, keep silent.",
                "On the way, the Temple of All Religions with its sixteen domes.",
            ],
        },
        programme={
            "ru": [
                "9:00 — выезд из Казани",
                "9:40 — Храм всех религий",
                "11:00 — Раифский монастырь",
                "14:00 — возвращение",
            ],
            "en": [
                "9:00 — departure from Kazan",
                "9:40 — Temple of All Religions",
                "11:00 — Raifa monastery",
                "14:00 — return",
            ],
        },
        duration={"ru": "5 часов", "en": "5 hours"},
        meeting=HOTEL,
        price=2400,
        weekday=2,
        seats=30,
        names=(r"раиф\w*", r"храм\w* всех религий", r"raifa", r"temple of all religions"),
    ),
    Tour(
        slug="elabuga",
        picture="tower",
        title={"ru": "Елабуга и Чистополь, выходные", "en": "A weekend in Elabuga and Chistopol"},
        summary={
            "ru": "Шишкин, Цветаева, Пастернак и ночь в купеческом доме над Камой.",
            "en": "Shishkin, Tsvetaeva, Pasternak and a night in a merchant's house above the Kama.",
        },
        story={
            "ru": [
                "Два неспешных дня по литературным городам Камы: музей Шишкина, Чёртово городище, дом Пастернака и музей часов «Восток».",
                "Ночуем в купеческом особняке; завтрак и два обеда в цене.",
            ],
            "en": [
                "Two slow days in the literary towns of the Kama: the Shishkin museum, the Devil's Tower, Pasternak's house and the museum of Vostok watches.",
                "We sleep in a merchant's mansion; breakfast and two lunches are included.",
            ],
        },
        programme={
            "ru": [
                "Суббота, 8:00 — выезд из Казани; Чистополь и дом Пастернака",
                "Суббота, вечер — переезд в Елабугу, ночь в особняке",
                "Воскресенье — Шишкин, Цветаева, Чёртово городище",
                "Воскресенье, 20:00 — возвращение",
            ],
            "en": [
                "Saturday, 8:00 — departure from Kazan; Chistopol and Pasternak's house",
                "Saturday evening — on to Elabuga, a night in the mansion",
                "Sunday — Shishkin, Tsvetaeva, the Devil's Tower",
                "Sunday, 20:00 — return",
            ],
        },
        duration={"ru": "2 дня", "en": "2 days"},
        meeting=HOTEL,
        price=12800,
        weekday=5,
        seats=24,
        names=(r"елабуг\w*", r"чистопол\w*", r"y?elabuga", r"chistopol"),
        places=("елабуга", "чистополь", "elabuga", "chistopol"),
    ),
    Tour(
        slug="kama",
        picture="steppe",
        title={"ru": "Где Кама встречает Волгу", "en": "Where the Kama meets the Volga"},
        summary={
            "ru": "Камское Устье: степные холмы, гора Лобач и Юрьевская пещера.",
            "en": "Kamskoye Ustye: grassy hills, Mount Lobach and the Yuryev Cave.",
        },
        story={
            "ru": [
                "Две большие реки сходятся у подножия белых круч, и с горы Лобач видно оба берега сразу. Здесь пахнет полынью и почти нет людей.",
                "В Юрьевскую пещеру спускаемся с каской и фонарём. Обед на траве — плов из казана и травяной чай — в цене. Сезон — с апреля по октябрь.",
            ],
            "en": [
                "Two great rivers meet below white cliffs, and from Mount Lobach you see all the shores at once. The air smells of wormwood and there is hardly anybody else.",
                "We go into the Yuryev Cave with a helmet and a lamp. Lunch on the grass, plov from a cauldron and herb tea, is included. The season is April to October.",
            ],
        },
        programme={
            "ru": [
                "8:30 — выезд из Казани",
                "11:00 — тропа над Волгой и Юрьевская пещера",
                "14:00 — плов на траве",
                "15:30 — гора Лобач и слияние рек",
                "19:30 — возвращение",
            ],
            "en": [
                "8:30 — departure from Kazan",
                "11:00 — the path above the Volga and the Yuryev Cave",
                "14:00 — plov on the grass",
                "15:30 — Mount Lobach and the meeting of the rivers",
                "19:30 — return",
            ],
        },
        duration={"ru": "11 часов", "en": "11 hours"},
        meeting=HOTEL,
        price=3900,
        weekday=6,
        seats=24,
        names=(
            r"камско\w+ усть\w*",
            r"где кама",
            r"лобач\w*",
            r"юрьевск\w*",
            r"пещер\w*",
            r"природ\w*",
            r"kama meets",
            r"kamskoye",
            r"lobach",
            r"yuryev",
            r"caves?",
            r"nature",
        ),
        months=frozenset(range(4, 11)),
    ),
]
