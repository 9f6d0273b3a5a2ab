"""What a question may fail with: each a sentence for whoever asked, and the status that an HTTP answer has."""

from django.utils.translation import gettext as _

from search.models.ask import Ask


class AskFailed(Exception):
    """There is no answer. ``seconds`` is when to try again, where that is known.

    ``charged`` says whether the service may have counted tokens: then the reservation stands where it names no number.
    """

    status = 502
    code = "no_answer"
    outcome = Ask.Outcome.FAILED
    charged = True

    def __init__(self, message: str, seconds: int | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class NotConfigured(AskFailed):
    """No language model is set up, or not wholly."""

    status = 503
    code = "not_configured"
    charged = False


class Busy(AskFailed):
    """As many questions are being answered as this process takes on."""

    status = 503
    code = "busy"
    charged = False

    def __init__(self) -> None:
        super().__init__(_("Other questions are being answered. Try again in a moment."), seconds=5)


class BudgetSpent(AskFailed):
    """The requests or the tokens of a day are used up."""

    status = 429
    code = "budget_spent"
    charged = False


class Unreachable(AskFailed):
    """Nobody answers at the address, or not in a way that can be trusted."""

    code = "unreachable"
    charged = False


class Refused(AskFailed):
    """The service did not take the request: the key, the model, the size."""

    code = "not_accepted"
    charged = False


class Overloaded(AskFailed):
    """The service has too much to do, for us or for everybody."""

    status = 503
    code = "overloaded"
    charged = False


class TookTooLong(AskFailed):
    status = 504
    code = "timeout"


class BrokenOff(AskFailed):
    """The answer ended before its end."""

    code = "broken_off"


class Unreadable(AskFailed):
    """What came is no answer."""

    code = "unreadable"


class Declined(AskFailed):
    """The model would not answer."""

    status = 422
    code = "declined"
    outcome = Ask.Outcome.DECLINED
