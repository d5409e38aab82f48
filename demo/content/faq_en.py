"""The English FAQ of the demo's tour operator, in agreement with `demo.tours` and `faq_ru`."""

from __future__ import annotations

from demo.content.entry import Entry

ENTRIES: list[Entry] = [
    Entry(
        "services",
        "What is included in the price?",
        "Transport, a guide, entrance tickets named in the programme and accident insurance. "
        "Lunch is included where the programme names it; souvenirs and extra entertainment are "
        "not.",
        priority=8,
    ),
    Entry(
        "services",
        "Do you pick up from hotels?",
        "Yes, free of charge from any hotel inside Kazan's ring road. We send the pick-up time "
        "the evening before, usually by 8 pm.",
    ),
    Entry(
        "services",
        "Is there an airport transfer?",
        "Yes. We meet you at Kazan airport with a sign: 1,900 roubles for a car of up to three "
        "people, 3,200 for a minibus of up to eight. Order it at least 12 hours before you land.",
        priority=6,
    ),
    Entry(
        "services",
        "Are there tours in English?",
        "Group tours run in English on Saturdays and Sundays. A private guide speaks English, "
        "German, Turkish, Chinese or Tatar on any day.",
        priority=6,
    ),
    Entry(
        "services",
        "Can I book a private tour?",
        "Yes, any of our programmes, from 9,500 roubles for a group of up to four. You choose the "
        "route, the day and the starting time.",
        priority=6,
    ),
    Entry(
        "services",
        "Where does the group meet?",
        "At the Tatarstan hotel, 4 Pushkin Street, five minutes' walk from Ploshchad Tukaya metro "
        "station; look for the Idel Tour sign on the bus. The food tour starts at the Central "
        "Market, the cruise at the river port, the winter walk at Kremlyovskaya metro.",
        priority=7,
    ),
    Entry(
        "payment",
        "How can I pay?",
        "By a Russian bank card or SBP on the site, or in cash or by card at our office. "
        "Companies can pay by invoice.",
        priority=8,
    ),
    Entry(
        "payment",
        "Do you accept foreign cards?",
        "Foreign Visa and Mastercard cards do not work on the site. Mir and UnionPay cards do, "
        "and cash at the office.",
    ),
    Entry(
        "payment",
        "Is a deposit required?",
        "30 % for day tours, the rest at least a day before departure. The two-day tour is paid "
        "in full seven days ahead.",
        priority=7,
    ),
    Entry(
        "payment",
        "Are there any discounts?",
        "Children under 14 pay 20 % less, pensioners and students 10 %, groups of ten or more "
        "15 %. Discounts do not add up: the largest one counts.",
        priority=7,
    ),
    Entry(
        "booking",
        "How do I book a tour?",
        "Choose a [tour and a date on the site](/#tours), leave your name and phone number and "
        "pay the deposit. The booking is confirmed at once and the voucher comes by e-mail.",
        priority=9,
    ),
    Entry(
        "booking",
        "How far ahead should I book?",
        "Day tours at least one day ahead, a week ahead from May to September. The cruise and the "
        "weekend in Elabuga two to three weeks ahead.",
    ),
    Entry(
        "booking",
        "Can I change the date?",
        "Once for free if departure is more than three days away and there are places on the new "
        "date. Later a change costs 10 % of the price.",
        priority=6,
    ),
    Entry(
        "cancellation",
        "How do I cancel my booking?",
        "Use the link in the voucher e-mail, or write to us here or [by e-mail](/about/) with the "
        "order number.",
        priority=7,
    ),
    Entry(
        "cancellation",
        "Will I get a refund if I cancel?",
        "100 % seven days or more before departure, 70 % three to six days before, 50 % one or "
        "two days before. There is no refund on the day itself.",
        priority=8,
    ),
    Entry(
        "cancellation",
        "How long does a refund take?",
        "We send it within three working days and the bank needs three to seven more. The money "
        "goes back to the card you paid with.",
    ),
    Entry(
        "places",
        "What can I see in Kazan in one day?",
        "The Kremlin with the Kul Sharif mosque and the Söyembikä tower, Bauman Street, the Old "
        'Tatar Quarter and Lake Kaban. Our tour ["Kazan in one day"](/tours/kazan-day/) shows '
        "it all.",
        priority=6,
    ),
    Entry(
        "places",
        "Why visit Bolgar?",
        "It is a UNESCO site: white stone mausoleums of the 14th century, the Cathedral Mosque, "
        "the White Mosque and the largest printed Quran in the world. It is three hours from "
        'Kazan; we go there on the tour ["Ancient Bolgar"](/tours/bolgar/).',
    ),
    Entry(
        "places",
        "Can tourists enter the Kul Sharif mosque?",
        "Yes, guests may go up to the balcony, and on our tours it is included. Women need a "
        "headscarf (given at the door), shoulders and knees are covered; no tours during prayers.",
    ),
    Entry(
        "places",
        "When is the Volga cruise season?",
        "The boat sails on Fridays from May to September: boarding at the river port at 6:30 pm, "
        "back at 10 pm. The dates are on the page of the [cruise](/tours/volga-cruise/).",
    ),
    Entry(
        "people",
        "Can I bring children?",
        "Yes, of any age, but for the cave (from eight) and Innopolis (from six). Children under "
        "four without a seat travel free; ask for a child seat when you book.",
        priority=6,
        phrasings=("Which tours suit a family with a child?", "From what age are children taken?"),
    ),
    Entry(
        "people",
        "Are the tours wheelchair accessible?",
        "The Kazan city tour, Innopolis and the cruise are: we have a bus with a lift, order it "
        "two days ahead. Sviyazhsk and Bolgar have cobbles and stairs in places.",
    ),
    Entry(
        "documents",
        "Which documents do I need?",
        "Only the voucher for day tours and the cruise. For the tour with a night bring your "
        "passport; for a discount, the student or pensioner's card.",
    ),
    Entry(
        "comfort",
        "What happens if it rains?",
        "We go in any weather and the guide has raincoats. Only a storm warning cancels a tour, "
        "and then you get all your money back.",
    ),
    Entry(
        "comfort",
        "Is there halal or vegetarian food?",
        "Lunches on our tours are halal, and the vegetarian menu costs nothing extra. Mark it "
        "when booking or tell the guide at the start of the day.",
    ),
    Entry(
        "contacts",
        "Where is your office?",
        "44 Bauman Street, second floor, Kazan. The nearest metro station is Ploshchad Tukaya; "
        'the rest is on the page ["About us"](/about/).',
        priority=6,
    ),
    Entry(
        "contacts",
        "What are your opening hours?",
        "The office is open daily from 9:00 to 20:00, Moscow time. The assistant in the chat "
        "answers at any hour.",
        priority=6,
    ),
]
