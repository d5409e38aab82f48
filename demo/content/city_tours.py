"""The tours in and near Kazan."""

from __future__ import annotations

from demo.content.tour import Tour

HOTEL = {
    "ru": "гостиница «Татарстан», ул. Пушкина, 4",
    "en": "Tatarstan hotel, 4 Pushkin Street",
}

CITY_TOURS: list[Tour] = [
    Tour(
        slug="kazan-day",
        picture="kremlin",
        title={"ru": "Казань за один день", "en": "Kazan in one day"},
        summary={
            "ru": "Кремль, Кул-Шариф, Старо-Татарская слобода и обед с эчпочмаками.",
            "en": "The Kremlin, Kul Sharif, the Old Tatar Quarter and a lunch of echpochmaks.",
        },
        story={
            "ru": [
                "Один день, в который помещается тысяча лет: белые стены Кремля, голубые минареты, падающая башня Сююмбике и расписные дома татарских купцов.",
                "Обедаем в семейном кафе в слободе: суп-лапша, эчпочмак и чай с чак-чаком — уже в цене.",
            ],
            "en": [
                "A single day that holds a thousand years: the white walls of the Kremlin, blue minarets, the leaning Söyembikä tower and painted houses of Tatar merchants.",
                "Lunch is in a family café in the quarter: noodle soup, echpochmak and tea with chak-chak, all included.",
            ],
        },
        programme={
            "ru": [
                "10:00 — Кремль и мечеть Кул-Шариф",
                "13:00 — обед в Старо-Татарской слободе",
                "14:30 — озеро Кабан и улица Баумана",
                "16:00 — смотровая площадка у Дворца земледельцев",
                "17:00 — конец программы",
            ],
            "en": [
                "10:00 — the Kremlin and Kul Sharif",
                "13:00 — lunch in the Old Tatar Quarter",
                "14:30 — Lake Kaban and Bauman Street",
                "16:00 — viewpoint at the Palace of Farmers",
                "17:00 — end of the day",
            ],
        },
        duration={"ru": "7 часов", "en": "7 hours"},
        meeting=HOTEL,
        price=2900,
        weekday=5,
        seats=30,
        names=(
            r"казан\w* за (один )?день",
            r"обзорн\w*",
            r"кремл\w*",
            r"(тур|экскурси)\w* (по|в) (городу|казан\w*)",
            r"kazan (in|for) (one|a) day",
            r"kremlin",
            r"city tours?",
            r"tours? (of|in|around) kazan",
            r"kazan tours?",
        ),
    ),
    Tour(
        slug="food",
        picture="tea",
        title={"ru": "Гастрономическая Казань", "en": "A taste of Kazan"},
        summary={
            "ru": "Шесть заведений, мастер-класс по чак-чаку и рынок.",
            "en": "Six places, a chak-chak workshop and the market.",
        },
        story={
            "ru": [
                "Губадия, токмач, конская колбаса, талкыш калеве: пробуем двенадцать татарских блюд и готовим чак-чак сами.",
                "Всё халяль, вегетарианцам есть чем заменить. Приходите голодными: отдельного обеда не понадобится.",
            ],
            "en": [
                "Gubadiya, tokmach, horse sausage, talkysh kaleve: we taste twelve Tatar dishes and make chak-chak ourselves.",
                "All of it is halal, with something instead for vegetarians. Come hungry: you will not need a lunch.",
            ],
        },
        programme={
            "ru": [
                "11:00 — Центральный рынок",
                "12:30 — шесть дегустаций в центре",
                "15:00 — мастер-класс по чак-чаку",
                "16:00 — чай и конец программы",
            ],
            "en": [
                "11:00 — the Central Market",
                "12:30 — six tastings in the centre",
                "15:00 — a chak-chak workshop",
                "16:00 — tea and the end of the day",
            ],
        },
        duration={"ru": "5 часов", "en": "5 hours"},
        meeting={
            "ru": "главный вход Центрального рынка",
            "en": "main entrance of the Central Market",
        },
        price=4200,
        weekday=5,
        seats=14,
        names=(
            r"гастро\w*",
            r"чак.?чак\w*",
            r"дегустац\w*",
            r"food tours?",
            r"taste of kazan",
            r"chak.?chak",
        ),
    ),
    Tour(
        slug="volga-cruise",
        picture="ship",
        title={"ru": "Круиз по Волге на закате", "en": "Volga cruise at sunset"},
        summary={
            "ru": "Три часа на теплоходе, ужин и живая музыка. Сезон — с мая по сентябрь.",
            "en": "Three hours on board, dinner and live music. The season is May to September.",
        },
        story={
            "ru": [
                "Казанский Кремль с воды, Услонские горы и огни вечернего города. Верхняя палуба открыта, пледы выдаём.",
                "Ужин из трёх блюд в цене; есть халяльное и вегетарианское меню.",
            ],
            "en": [
                "The Kremlin from the water, the Uslon hills and the lights of the evening city. The upper deck is open, blankets are on us.",
                "A three-course dinner is included, halal or vegetarian.",
            ],
        },
        programme={
            "ru": [
                "18:30 — посадка в речном порту",
                "19:00 — отправление, ужин",
                "22:00 — возвращение",
            ],
            "en": [
                "18:30 — boarding at the river port",
                "19:00 — departure, dinner",
                "22:00 — return",
            ],
        },
        duration={"ru": "3 часа", "en": "3 hours"},
        meeting={"ru": "речной порт, причал 3", "en": "river port, pier 3"},
        price=3800,
        weekday=4,
        seats=60,
        names=(r"круиз\w*", r"теплоход\w*", r"по волге", r"cruises?", r"boat", r"volga"),
        months=frozenset(range(5, 10)),
    ),
    Tour(
        slug="winter",
        picture="snow",
        title={"ru": "Зимняя сказка", "en": "A winter tale"},
        summary={
            "ru": "Вечерняя Казань, каток и чай из самовара. С декабря по март.",
            "en": "Kazan in the evening, a skating rink and tea from a samovar. December to March.",
        },
        story={
            "ru": [
                "Прогулка по украшенному центру, час на катке в парке «Чёрное озеро» (коньки в цене) и самовар с пирогами в резном доме.",
                "Гуляем и в мороз: по дороге два раза заходим греться.",
            ],
            "en": [
                "A walk through the decorated centre, an hour on the rink in Black Lake park (skates included) and a samovar with pies in a carved house.",
                "We go in any frost: on the way we stop twice to get warm.",
            ],
        },
        programme={
            "ru": [
                "17:00 — сбор у метро «Кремлёвская»",
                "18:00 — каток",
                "19:30 — самовар и пироги",
                "21:00 — конец прогулки",
            ],
            "en": [
                "17:00 — meeting at Kremlyovskaya metro",
                "18:00 — skating",
                "19:30 — samovar and pies",
                "21:00 — end of the walk",
            ],
        },
        duration={"ru": "4 часа", "en": "4 hours"},
        meeting={"ru": "метро «Кремлёвская»", "en": "Kremlyovskaya metro"},
        price=1900,
        weekday=4,
        seats=18,
        names=(
            r"зимн\w+ (сказк|тур|прогулк)\w*",
            r"каток",
            r"катк[аеу]",
            r"winter (tale|walk)",
            r"(ice )?skating",
        ),
        months=frozenset({12, 1, 2, 3}),
    ),
    Tour(
        slug="innopolis",
        picture="city",
        title={"ru": "Иннополис с детьми", "en": "Innopolis with children"},
        summary={
            "ru": "Город программистов: роботы, беспилотники и верёвочный парк.",
            "en": "A town of programmers: robots, drones and a rope park.",
        },
        story={
            "ru": [
                "Самый молодой город Татарстана глазами школьника: университет, лаборатория роботов и урок, на котором дрон летает по вашей программе.",
                "Программа для детей от шести лет; обед в университетской столовой в цене, маршрут доступен для колясок.",
            ],
            "en": [
                "The youngest town of Tatarstan for school children: the university, a robotics lab and a lesson in which a drone flies by your own program.",
                "For children from six; lunch in the university canteen is included, and the route is wheelchair accessible.",
            ],
        },
        programme={
            "ru": [
                "9:30 — выезд из Казани",
                "10:30 — университет и лаборатория",
                "13:00 — обед",
                "14:00 — верёвочный парк",
                "17:00 — возвращение",
            ],
            "en": [
                "9:30 — departure from Kazan",
                "10:30 — university and lab",
                "13:00 — lunch",
                "14:00 — rope park",
                "17:00 — return",
            ],
        },
        duration={"ru": "7,5 часа", "en": "7.5 hours"},
        meeting=HOTEL,
        price=3100,
        weekday=6,
        seats=28,
        names=(r"инн?ополис\w*", r"inn?opolis"),
        places=("иннополис", "innopolis"),
    ),
]
