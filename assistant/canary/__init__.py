"""The canary: temporary users prove that an encrypted message gets through.

A service can answer every health request and still lose messages, so the last word has a
conversation. Two users are made for it, A on the first server and B on the last one (the same
server where there is only one). They log in with their passwords as people do, meet in a new
private room with encryption switched on, and write to each other. What is proven, and how:

* *Delivered*: the other side decrypted exactly the text that was sent, under the id the server
  gave it. Each text is a random sentence with a random token, so no other text can stand in.
  The time counts from handing the message to the server to having decrypted it.
* *Encrypted on the server*: for every message the database of every server of the conversation
  is read on its host. The event there must be ``m.room.encrypted`` with Megolm, must hold
  neither the sentence nor its token, and a search of all stored events for the token that all
  sentences of a run share must find nothing. Asking the server's own API would prove less.
  What cannot be read counts as not proven.
* *Removed*: the users leave the room and are deactivated and erased, whatever happened before,
  also when the run is cancelled; and users of earlier runs that could not do so are removed first.

The two users trust each other's devices without comparing keys: both belong to this process, and
a mistaken trust would cost nothing. Keys live in memory only.
"""

from assistant.canary.conversation import run_canary
from assistant.canary.model import (
    Account,
    Accounts,
    CanaryEvent,
    CanaryRequest,
    CanaryResult,
    Direction,
    Line,
    Side,
    Stored,
    percentile,
)

__all__ = [
    "Account",
    "Accounts",
    "CanaryEvent",
    "CanaryRequest",
    "CanaryResult",
    "Direction",
    "Line",
    "Side",
    "Stored",
    "percentile",
    "run_canary",
]
