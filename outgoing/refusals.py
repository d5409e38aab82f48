"""Why an address was not asked, or its answer not taken: a code to keep, a sentence to read."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, Promise] = {
    "bad_address": _("This is not a web address."),
    "scheme": _("Only addresses that begin with http:// or https:// can be read."),
    "user_info": _("The address holds a user name or a password; leave them out."),
    "port": _("Only the ports 80 and 443 may be asked."),
    "odd_address": _("The number of the machine is written in an unusual way."),
    "local_name": _("This name is one of a private network."),
    "no_such_host": _("There is no site of this name."),
    "address_loopback": _("The address leads back to this server."),
    "address_private": _("The address leads into a private network."),
    "address_link_local": _("The address leads to a neighbour of this server."),
    "address_multicast": _("The address leads to many machines at once."),
    "address_reserved": _("The address is kept for special purposes."),
    "address_embedded": _("The address hides another one."),
    "unreachable": _("The site cannot be reached."),
    "tls": _("The site's certificate is not to be trusted."),
    "connect_timeout": _("The site does not take the connection in time."),
    "read_timeout": _("The site fell silent."),
    "too_slow": _("The site answers too slowly."),
    "redirect": _("The site leads elsewhere, which is not followed here."),
    "too_many_redirects": _("The site leads on and on."),
    "headers_too_large": _("The site's answer begins with too much."),
    "too_large": _("The answer is too large."),
    "bomb": _("The answer unpacks to too much."),
    "encoding": _("The answer is packed in a way that cannot be unpacked."),
    "content_type": _("The answer is of another kind than a page or a list of pages."),
    "broken": _("The site's answer broke off or makes no sense."),
}


class Refused(Exception):
    """The request was not made, or its answer not taken; `code` is a key of SENTENCES."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def sentence(code: str) -> str:
    """The sentence for a kept code."""
    return str(SENTENCES.get(code, _("The site cannot be read.")))
