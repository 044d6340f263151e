"""Text for people: messages are values, made where the fact is known and worded when shown.

Write ``msg("The server at {address} refused the key", address=host)`` where the fact is known.
The English sentence is the key of the translation catalogues; :func:`render` words the message
in a language.
"""

from assistant.text.language import LANGUAGES, language_of_locale
from assistant.text.message import Message, listed, msg, render

__all__ = ["LANGUAGES", "Message", "language_of_locale", "listed", "msg", "render"]
