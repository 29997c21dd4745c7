"""Which attempt is the first to arrive, where those before it were refused?"""

from daeri.gateway.openai.refusals import KEPT_MAX, KEPT_SECONDS, Refusals


class Time:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_attempts_that_were_refused_from_the_first_on_are_counted() -> None:
    refusals = Refusals()
    refusals.note("this", 0)
    refusals.note("this", 1)
    assert (refusals.before("this"), refusals.before("that")) == (2, 0)


def test_one_that_was_refused_after_another_had_arrived_does_not_count() -> None:
    refusals = Refusals()
    refusals.note("this", 1)
    assert refusals.before("this") == 0


def test_a_first_attempt_that_is_refused_begins_the_count_anew() -> None:
    refusals = Refusals()
    for number in (0, 1, 0):
        refusals.note("this", number)
    assert refusals.before("this") == 1


def test_what_was_carried_out_in_the_end_counts_no_more() -> None:
    refusals = Refusals()
    refusals.note("this", 0)
    refusals.forget("this")
    assert refusals.before("this") == 0


def test_refusals_are_kept_as_long_as_clients_ask_again_and_only_the_last_of_them() -> None:
    time = Time()
    refusals = Refusals(time)
    refusals.note("early", 0)
    time.at = KEPT_SECONDS
    assert refusals.before("early") == 1
    time.at = KEPT_SECONDS + 1
    assert refusals.before("early") == 0
    for number in range(KEPT_MAX + 1):
        refusals.note(f"request {number}", 0)
    assert (refusals.before("request 0"), refusals.before("request 1")) == (0, 1)
