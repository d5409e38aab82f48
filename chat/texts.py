"""What the widget says by itself, in the visitor's language; the views put it into its pages."""

from __future__ import annotations

from django.utils.translation import gettext as _


def widget_texts() -> dict[str, str]:
    """Every text of the widget in the active language; `{name}` is filled in by the browser."""
    return {
        # The bubble and the header.
        "open_chat": _("Open chat"),
        "close_chat": _("Close chat"),
        "assistant": _("Assistant"),
        "operator": _("Operator"),
        "status_ai": _("AI assistant"),
        "status_waiting": _("Calling a person"),
        "status_operator": _("Is with you"),
        "status_closed": _("The chat is closed"),
        "menu": _("Chats"),
        "close": _("Close"),
        # The dialogue.
        "dialogue": _("Messages"),
        "welcome": _("Hello! How can I help?"),
        "suggested": _("Questions to begin with"),
        "you": _("You"),
        "today": _("Today"),
        "yesterday": _("Yesterday"),
        "older_hidden": _("Earlier messages are not shown."),
        "is_typing": _("{name} is typing"),
        "new_messages": _("New messages"),
        "sending": _("Sending"),
        "delivered": _("Delivered"),
        "not_sent": _("Not sent"),
        "try_again": _("Try again"),
        "remove": _("Remove"),
        "stopped": _("The answer was stopped."),
        "sources": _("Sources"),
        "open_source": _("Open the page"),
        "source_number": _("Source {number}: {title}"),
        "helpful": _("Was this helpful?"),
        "helpful_yes": _("Helpful"),
        "helpful_no": _("Not helpful"),
        "thanks_for_feedback": _("Thank you!"),
        # Writing.
        "message": _("Message"),
        "placeholder": _("Write a message"),
        "send": _("Send"),
        "stop": _("Stop answering"),
        "too_long": _("The message is too long."),
        "length": _("{used} of {max} characters"),
        # People.
        "talk_to_person": _("Talk to a person"),
        "waiting_title": _("A person will join soon"),
        "waiting_place": _("Your place in the queue: {place}"),
        "waiting_minutes": _("About {minutes} min"),
        "waiting_soon": _("Less than a minute"),
        "waiting_hint": _("You can go on writing; nothing is lost."),
        "cancel": _("Cancel"),
        "leave_email_instead": _("Leave an e-mail instead"),
        "form_title": _("Leave a message"),
        "form_hint": _("Nobody is here right now. Leave your e-mail and we will answer."),
        "form_hint_queue": _("You need not wait: leave your e-mail and we will answer."),
        "form_name": _("Name"),
        "form_email": _("E-mail"),
        "form_text": _("Your question"),
        "form_send": _("Send"),
        "field_required": _("Fill in this field."),
        "email_wrong": _("Enter an e-mail address such as name@example.com."),
        # The end.
        "rate_title": _("How did it go?"),
        "rate_star": _("{stars} of 5"),
        "rate_comment": _("What could be better? (optional)"),
        "rate_send": _("Send the rating"),
        "rate_thanks": _("Thank you for the rating!"),
        "new_chat": _("New chat"),
        "end_chat": _("End this chat"),
        "end_chat_question": _("End this chat?"),
        "end_chat_hint": _("You can rate it then, or start a new one."),
        "end_chat_yes": _("End"),
        "your_chats": _("Your chats"),
        "no_chats": _("There are no chats yet."),
        "untitled_chat": _("Chat"),
        "current_chat": _("Open now"),
        "back": _("Back"),
        # Memory.
        "memory": _("What is remembered about me"),
        "memory_hint": _(
            "The assistant keeps this from your chats, to serve you better next time."
        ),
        "memory_empty": _("Nothing is remembered about you."),
        "memory_since": _("since {date}"),
        "memory_forget": _("Forget everything"),
        "memory_question": _("Forget everything about me?"),
        "memory_warning": _("It cannot be brought back. Your chats stay as they are."),
        "memory_forgotten": _("Everything is forgotten."),
        # The connection.
        "connecting": _("Connecting"),
        "connection_lost": _("No connection. Your messages are kept and will be sent."),
        "connection_needed": _("There is no connection right now. Try again in a moment."),
        "connection_refused": _("The chat is not available right now."),
        "reconnect": _("Try again"),
        "dismiss": _("Dismiss"),
    }
