"""What came from a site made into text and addresses, in a process of its own.

Nothing here knows Django: the child that meets a stranger's markup imports only its parser.
"""

from knowledge.webpages.reading import PageText, SiteList, Unreadable, read_page, read_sitemap

__all__ = ["PageText", "SiteList", "Unreadable", "read_page", "read_sitemap"]
